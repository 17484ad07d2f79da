"""Records round-trip, and hold what the specification's worked example shows."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.stone.attributes import decode_attributes, encode_attributes
from serpent_infra.formats.stone.contents import ContentRange, decode_ranges, encode_ranges
from serpent_infra.formats.stone.header import FileType, Header
from serpent_infra.formats.stone.layout import EntryKind, LayoutEntry, check_target, decode_layout, encode_layout
from serpent_infra.formats.stone.meta import Meta
from serpent_infra.formats.stone.meta_records import decode_meta, encode_meta
from serpent_infra.formats.stone.payload import Compression, PayloadHeader, PayloadKind
from tests.unit.serpent_infra.formats.crafted import SAMPLE
from tests.unit.serpent_infra.formats.strategies import layout_entries, metas

U64 = st.integers(0, 2**64 - 1)


@given(metas())
def test_metadata_comes_back_as_it_was_written(meta: Meta) -> None:
    plain, records = encode_meta(meta)
    assert decode_meta(plain, records) == (meta, len(plain))
    assert decode_meta(plain, records, strict=False) == (meta, len(plain))


def test_the_own_name_is_written_nowhere_and_provided_all_the_same() -> None:
    own = Capability.name("hello")
    plain, records = encode_meta(SAMPLE)
    assert encode_meta(replace(SAMPLE, provides=SAMPLE.provides | {own})) == (plain, records)
    decoded, _ = decode_meta(plain, records)
    assert own not in decoded.provides
    assert own in decoded.providers


def test_a_conflict_with_a_name_is_kept() -> None:
    rival = Capability.name("goodbye")
    plain, records = encode_meta(replace(SAMPLE, conflicts=frozenset({rival})))
    assert decode_meta(plain, records)[0].conflicts == {rival}


def test_sets_are_written_sorted_by_their_text() -> None:
    texts = ["soname(a)", "binary(b)", "name(zlib)", "pkgconfig(a)", "pkgconfig32(a)"]
    depends = frozenset(map(Capability.parse, texts))
    plain, _ = encode_meta(replace(SAMPLE, depends=depends, provides=frozenset()))
    positions = [plain.index(bytes((one.kind,)) + one.target.encode() + b"\0") for one in sorted(depends)]
    assert positions == sorted(positions)


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_text_that_no_container_can_hold_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        encode_meta(replace(SAMPLE, summary=text))


@pytest.mark.parametrize("number", [-1, 2**64])
def test_a_number_beyond_64_bits_is_refused(number: int) -> None:
    with pytest.raises(FormatError, match="64-bit"):
        encode_meta(replace(SAMPLE, release=number))


@given(st.lists(layout_entries(), max_size=4))
def test_layouts_come_back_as_they_were_written(entries: list[LayoutEntry]) -> None:
    plain = encode_layout(entries)
    assert decode_layout(plain, len(entries)) == (tuple(entries), len(plain))


def test_trailing_nuls_of_paths_are_dropped_even_by_a_strict_reader() -> None:
    entry = LayoutEntry(kind=EntryKind.SYMLINK, target="bin/rnano", mode=0o120777, link="nano")
    plain = bytearray(encode_layout([entry]))
    plain[17], plain[19] = 5, 10
    plain[36:36] = b"\0"
    assert decode_layout(bytes(plain) + b"\0", 1)[0] == (entry,)


@pytest.mark.parametrize("target", ["", "/bin/x", "bin//x", "../x", "a/../x", "a/.", "a/", "a\0b"])
def test_a_target_that_is_no_plain_relative_path_is_refused(target: str) -> None:
    with pytest.raises(FormatError):
        check_target(target)


def test_paths_longer_than_the_format_holds_are_refused() -> None:
    with pytest.raises(FormatError, match="65,535"):
        encode_layout([LayoutEntry(kind=EntryKind.DIRECTORY, target="a" * 65_536, mode=0o40755)])


@given(
    st.lists(
        st.builds(lambda a, b, d: ContentRange(min(a, b), max(a, b), d), U64, U64, st.binary(min_size=16, max_size=16))
    )
)
def test_index_records_come_back_as_they_were_written(ranges: list[ContentRange]) -> None:
    plain = encode_ranges(ranges)
    assert decode_ranges(plain, len(ranges)) == (tuple(ranges), len(plain))


@given(st.lists(st.tuples(st.binary(), st.binary())))
def test_attributes_come_back_as_they_were_written(attributes: list[tuple[bytes, bytes]]) -> None:
    plain = encode_attributes(attributes)
    assert decode_attributes(plain, len(attributes)) == (tuple(attributes), len(plain))


@given(st.integers(0, 255), st.integers(0, 0xFFFF))
def test_file_headers_come_back_as_they_were_written(file_type: int, payloads: int) -> None:
    header = Header(file_type, payloads)
    assert Header.decode(header.encode(), strict=False) == header


def test_the_file_header_has_the_bytes_of_the_worked_example() -> None:
    assert Header(FileType.BINARY, 4).encode().hex(" ") == (
        "00 6d 6f 73 00 04 00 00 01 00 00 02 00 00 03 00 00 04 00 00 05 00 00 06 00 00 07 01 00 00 00 01"
    )


def test_the_payload_header_has_the_bytes_of_the_worked_example() -> None:
    header = PayloadHeader(447, 695, 0x0FA80E9163C90471, 16, PayloadKind.META, Compression.ZSTD)
    assert header.encode().hex(" ") == (
        "00 00 00 00 00 00 01 bf 00 00 00 00 00 00 02 b7 0f a8 0e 91 63 c9 04 71 00 00 00 10 00 01 01 02"
    )
    assert PayloadHeader.decode(header.encode()) == header


DECODERS: list[Callable[[bytes, int], tuple[object, int]]] = [
    decode_meta,
    decode_layout,
    decode_ranges,
    decode_attributes,
    partial(decode_meta, strict=False),
    partial(decode_layout, strict=False),
]


@given(st.binary(max_size=300), st.integers(0, 20), st.sampled_from(DECODERS))
def test_hostile_plain_bytes_raise_nothing_but_a_format_error(
    plain: bytes, records: int, decode: Callable[[bytes, int], tuple[object, int]]
) -> None:
    try:
        _, end = decode(plain, records)
    except FormatError:
        return
    assert end <= len(plain)
