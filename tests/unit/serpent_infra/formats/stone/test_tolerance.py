"""What a strict and a lenient reader accept: the table of stone-spec 1.10, row by row."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.stone import frames, inflation, wide_window
from serpent_infra.formats.stone.layout import EntryKind, LayoutEntry, encode_layout
from serpent_infra.formats.stone.meta_records import encode_meta
from serpent_infra.formats.stone.package import read_package, verify_package
from serpent_infra.formats.stone.payload import Compression, PayloadKind
from serpent_infra.formats.stone.reader import open_stone
from tests.unit.serpent_infra.formats.crafted import (
    SAMPLE,
    container,
    meta_payload,
    meta_with,
    package,
    payload,
    record,
)

PLAIN, RECORDS = encode_meta(SAMPLE)
META = PayloadKind.META
GOOD = package({"bin/hello": b"hello", "bin/hi": b"hello", "share/empty": b""})
SKIPPABLE = bytes.fromhex("502a4d1804000000") + b"\0\0\0\0"


def content_of(stored: bytes, plain_size: int, **header: int) -> bytes:
    """A package whose content of `hello` is stored as given."""
    cut = package({"bin/hello": b"hello"})
    end = len(cut) - len(payload(PayloadKind.CONTENT, b"hello", 0))
    return cut[:end] + payload(PayloadKind.CONTENT, b"", 0, stored=stored, **{"plain_size": plain_size, **header})


def framed_with_checksum(plain: bytes) -> bytes:
    from backports.zstd import CompressionParameter, compress  # noqa: PLC0415 (only this row needs it)

    return compress(plain, options={CompressionParameter.checksum_flag: 1})


REJECTED = {
    "no byte": lambda: b"",
    "a short header": lambda: GOOD[:31],
    "bad magic": lambda: b"\1" + GOOD[1:],
    "bad integrity bytes": lambda: GOOD[:8] + b"\7" + GOOD[9:],
    "another version": lambda: GOOD[:31] + b"\2" + GOOD[32:],
    "a checksum mismatch of metadata": lambda: container(meta_payload(checksum=1)),
    "a checksum mismatch of content": lambda: content_of(frames.compress(b"hello"), 5, checksum=1),
    "more records than present": lambda: container(meta_payload(records=RECORDS + 1)),
    "a string that is no UTF-8": lambda: meta_with(record(12, 9, b"\xff\0")),
    "content of an unknown compression": lambda: content_of(b"hello", 5, compression=9),
    "a truncated frame": lambda: container(payload(META, PLAIN, RECORDS, stored=frames.compress(PLAIN)[:-3])),
    "truncated content": lambda: content_of(frames.compress(b"hello" * 99)[:-3], 5 * 99),
    "a second frame that is damaged": lambda: content_of(
        frames.compress(b"he") + frames.compress(b"llo")[:6] + b"\7\0\0llo", 5
    ),
    "a second frame that is truncated": lambda: content_of(frames.compress(b"he") + frames.compress(b"llo")[:-1], 5),
    "a dependency of no bytes": lambda: meta_with(record(8, 10, b"")),
    "a digest of another length": lambda: container(
        meta_payload(), payload(PayloadKind.LAYOUT, b"\0" * 16 + b"\0\4\0\1\1" + b"\0" * 11 + b"abcdx", 1)
    ),
    "a missing required record": lambda: container(payload(META, record(1, 9, b"x\0"), 1)),
    "a payload that ends after the file": lambda: container(meta_payload(stored_size=10_000)),
    "uncompressed records that are fewer than stored": lambda: container(
        payload(META, PLAIN + record(12, 9, b"x\0"), RECORDS, stored=PLAIN + record(12, 9, b"x\0"), compression=1)
    ),
    "a negative release": lambda: container(
        payload(META, PLAIN.replace(b"\0\x0b\x08", b"\0\x0b\x07").replace(b"\0" * 7 + b"\3", b"\xff" * 8), RECORDS)
    ),
}

TOLERATED = {
    "bytes after the last payload": lambda: GOOD + b"garbage",
    "fewer payloads than announced": lambda: container(meta_payload(), count=9),
    "half a payload header at the end": lambda: container(meta_payload(), count=2) + b"\0" * 20,
    "more payloads than announced": lambda: container(meta_payload(), meta_payload(), count=1),
    "an unknown file type": lambda: container(meta_payload(), file_type=200),
    "an unknown payload kind, its checksum wrong": lambda: container(meta_payload(), meta_payload(kind=77, checksum=1)),
    "an unknown compression, its checksum wrong": lambda: container(
        meta_payload(), meta_payload(compression=77, checksum=1)
    ),
    "another payload version": lambda: container(meta_payload(version=2)),
    "a plain size that is too large": lambda: container(meta_payload(plain_size=len(PLAIN) + 5)),
    "a content's plain size that is too large": lambda: content_of(frames.compress(b"hello"), 6),
    "fewer records announced than present": lambda: container(payload(META, PLAIN + record(12, 9, b"x\0"), RECORDS)),
    "padding in a meta record": lambda: meta_with(record(12, 9, b"x\0", padding=1)),
    "a string without NUL": lambda: meta_with(record(12, 9, b"MIT")),
    "a string of two NULs": lambda: meta_with(record(12, 9, b"MIT\0\0")),
    "an unknown tag": lambda: meta_with(record(999, 9, b"x\0")),
    "an unknown primitive": lambda: meta_with(record(12, 99, b"x\0")),
    "a dependency kind that is unknown": lambda: meta_with(record(8, 10, b"\x63x\0")),
    "a dependency under another tag": lambda: meta_with(record(12, 10, b"\0x\0")),
    "a wrong length of an integer": lambda: meta_with(record(16, 8, bytes(8), length=3)),
    "a last string that is shorter than announced": lambda: meta_with(record(12, 9, b"MIT\0", length=40)),
    "two content payloads": lambda: container(GOOD[32:], payload(PayloadKind.CONTENT, b"other", 0), count=5),
    "two records of a field": lambda: meta_with(record(1, 9, b"other\0")),
    "two metadata payloads": lambda: container(meta_payload(), meta_payload()),
    "two frames": lambda: container(
        payload(META, PLAIN, RECORDS, stored=frames.compress(PLAIN[:50]) + frames.compress(PLAIN[50:]))
    ),
    "a skippable frame before the frame": lambda: container(
        payload(META, PLAIN, RECORDS, stored=SKIPPABLE + frames.compress(PLAIN))
    ),
    "a frame checksum": lambda: container(payload(META, PLAIN, RECORDS, stored=framed_with_checksum(PLAIN))),
    "junk after the frame": lambda: container(payload(META, PLAIN, RECORDS, stored=frames.compress(PLAIN) + b"junk")),
    "junk after the content's frame": lambda: content_of(frames.compress(b"hello") + b"junk", 5),
    "content in two frames": lambda: content_of(frames.compress(b"he") + frames.compress(b"llo"), 5),
    "a source where a directory has none": lambda: container(
        meta_payload(), payload(PayloadKind.LAYOUT, b"\0" * 16 + b"\0\4\0\1\3" + b"\0" * 11 + b"x", 1)
    ),
    "padding in a layout record": lambda: container(
        meta_payload(), payload(PayloadKind.LAYOUT, b"\0" * 16 + b"\0\0\0\1\3" + b"\1" * 11 + b"x", 1)
    ),
    "a directory that leaves /usr": lambda: container(
        meta_payload(), payload(PayloadKind.LAYOUT, b"\0" * 16 + b"\0\0\0\2\3" + b"\0" * 11 + b"..", 1)
    ),
    "payloads in another order": lambda: container(
        payload(
            PayloadKind.LAYOUT,
            encode_layout([LayoutEntry(kind=EntryKind.DIRECTORY, target="share", mode=0o40755)]),
            1,
        ),
        meta_payload(),
    ),
    "an index without content": lambda: container(meta_payload(), payload(PayloadKind.INDEX, b"", 0)),
}

ACCEPTED = {
    "a whole package": lambda: GOOD,
    "a package of metadata alone": lambda: container(meta_payload()),
    "records stored plain": lambda: container(
        payload(META, PLAIN, RECORDS, stored=PLAIN, compression=Compression.NONE)
    ),
    "content stored plain": lambda: content_of(b"hello", 5, compression=Compression.NONE),
    "where the source was": lambda: meta_with(*(record(tag, 9, b"x\0") for tag in (18, 19, 20))),
    "attributes": lambda: container(meta_payload(), payload(PayloadKind.ATTRIBUTES, b"\0" * 16, 1)),
    "a count of files at the content": lambda: content_of(frames.compress(b"hello"), 5, records=474),
}

Craft = Callable[[], bytes]


@pytest.fixture(autouse=True, params=["windows in memory", "windows in a file"])
def _window(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Holds the table with both decoders."""
    if request.param == "windows in a file":
        if not wide_window.is_available():
            pytest.skip("no libzstd on this machine")
        monkeypatch.setattr(inflation, "LARGEST_WINDOW", 0)


@pytest.mark.parametrize("craft", REJECTED.values(), ids=REJECTED.keys())
def test_both_readers_reject(craft: Craft) -> None:
    for strict in (True, False):
        with pytest.raises(FormatError) as caught:
            verify_package(craft(), strict=strict, path="x.stone")
        assert caught.value.path == "x.stone"
        assert caught.value.offset is not None
        assert caught.value.reason


@pytest.mark.parametrize("craft", TOLERATED.values(), ids=TOLERATED.keys())
def test_only_the_strict_reader_rejects(craft: Craft) -> None:
    with pytest.raises(FormatError) as caught:
        verify_package(craft(), path="x.stone")
    assert caught.value.path == "x.stone"
    assert caught.value.offset is not None
    assert verify_package(craft(), strict=False).meta.name == "hello"


@pytest.mark.parametrize("craft", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_both_readers_accept(craft: Craft) -> None:
    assert verify_package(craft()) == verify_package(craft(), strict=False)


def test_a_plain_size_that_is_too_small_bounds_even_the_lenient_reader() -> None:
    for understated in (
        container(meta_payload(plain_size=len(PLAIN) - 1)),
        content_of(frames.compress(b"hello"), 4),
    ):
        for strict in (True, False):
            with pytest.raises(FormatError, match=r"more bytes|are declared|index covers"):
                verify_package(understated, strict=strict)


def test_records_without_a_name_are_kept_and_written_back() -> None:
    meta = verify_package(meta_with(record(999, 9, b"x\0"), record(12, 99, b"y")), strict=False).meta
    assert [(one.tag, one.primitive, one.value) for one in meta.unknown] == [(999, 9, b"x\0"), (12, 99, b"y")]
    assert encode_meta(meta)[0].endswith(record(999, 9, b"x\0") + record(12, 99, b"y"))


@pytest.mark.parametrize(("tag", "primitive"), [(8, 10), (9, 11), (10, 11), (17, 10)])
def test_capabilities_of_unknown_kinds_are_no_capabilities_and_are_written_back(tag: int, primitive: int) -> None:
    extra = record(tag, primitive, b"\x63x\0")
    meta = verify_package(meta_with(extra), strict=False).meta
    assert replace(meta, unknown=()) == SAMPLE
    assert encode_meta(meta)[0] == PLAIN + extra


def test_versions_kinds_and_compressions_without_a_name_are_kept() -> None:
    file = container(meta_payload(version=7), meta_payload(kind=77), meta_payload(compression=66), file_type=200)
    with open_stone(file, strict=False) as stone:
        assert stone.header.file_type == 200
        heads = [one.header for one in stone]
    assert [(one.version, one.kind, one.compression) for one in heads] == [(7, 1, 2), (1, 77, 2), (1, 1, 66)]
    assert heads[0].encode() == file[32:64]


def test_a_wrong_checksum_of_content_shows_only_where_content_is_read() -> None:
    file = content_of(frames.compress(b"hello"), 5, checksum=1)
    for strict in (True, False):
        package_without_content = read_package(file, strict=strict)
        assert package_without_content.content_size == 5
        with pytest.raises(FormatError, match="checksum"):
            verify_package(file, strict=strict)


def test_a_dependency_is_recognised_whatever_its_tag() -> None:
    meta = verify_package(meta_with(record(12, 10, b"\x06sh\0")), strict=False).meta
    assert "binary(sh)" in {one.text for one in meta.depends}
