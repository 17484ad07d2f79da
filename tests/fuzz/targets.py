"""What is fuzzed: functions from bytes to nothing that raise where a promise is broken, and seeds for each.

A reader promises: what it does not take ends in `FormatError` with a reason, and what it takes twice it takes alike.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import xxhash

from serpent_infra.formats import recipe_check
from serpent_infra.formats.client.files import encode_repositories, parse_kdl_repositories, parse_yaml_repositories
from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.index import read_index
from serpent_infra.formats.kdl import encode_kdl, parse_kdl
from serpent_infra.formats.manifest import decode_manifest, encode_manifest
from serpent_infra.formats.root_index import decode_root_index, encode_root_index
from serpent_infra.formats.stone import frames, header, inflation, payload
from serpent_infra.formats.stone.attributes import encode_attributes
from serpent_infra.formats.stone.contents import ContentRange, encode_ranges
from serpent_infra.formats.stone.header import FileType, Header
from serpent_infra.formats.stone.layout import EntryKind, LayoutEntry, encode_layout
from serpent_infra.formats.stone.limits import Limits
from serpent_infra.formats.stone.meta import Meta
from serpent_infra.formats.stone.meta_records import encode_meta
from serpent_infra.formats.stone.package import verify_package
from serpent_infra.formats.stone.payload import Compression, PayloadHeader, PayloadKind
from serpent_infra.formats.stone.wide_window import is_available

_LIMITS = Limits(plain=1 << 22, records=10_000, content=1 << 22)
_META = Meta(
    name="hello",
    version="1.0",
    release=3,
    build_release=0,
    architecture="x86_64",
    summary="Greets",
    description="Greets the world",
    source_id="hello",
    homepage="https://example.org/hello",
    licenses=("MPL-2.0",),
)


@dataclass(frozen=True)
class Target:
    """One thing to fuzz."""

    check: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]
    words: tuple[str, ...] = ()
    """What inputs are often made of."""


def with_right_checksums(data: bytes) -> bytes:
    """Gives a container with the checksum of each payload put right, or no mutation would get past it."""
    fixed = bytearray(data)
    position = header.SIZE
    while position + payload.SIZE <= len(fixed):
        stored_size = int.from_bytes(fixed[position : position + 8], "big")
        start = position + payload.SIZE
        if stored_size > len(fixed) - start:
            break
        fixed[position + 16 : position + 24] = xxhash.xxh3_64_digest(bytes(fixed[start : start + stored_size]))
        position = start + stored_size
    return bytes(fixed)


def _read(reader: Callable[..., object], data: bytes, *, strict: bool) -> object:
    """Gives what a reader reads, None where it refuses; a refusal has a reason and the path it was told."""
    try:
        return reader(data, strict=strict, path="fuzzed")
    except FormatError as error:
        if not error.reason or error.path != "fuzzed":
            raise AssertionError(f"a refusal without reason or path: {error!r}") from error
        return None


def check_stone(data: bytes) -> None:
    """What a strict reader takes, a lenient one takes as the same."""
    file = with_right_checksums(data)

    def verify(source: bytes, *, strict: bool, path: str) -> object:
        return verify_package(source, strict=strict, path=path, limits=_LIMITS)

    for reader in (verify, read_index, decode_manifest):
        strictly, leniently = (_read(reader, file, strict=strict) for strict in (True, False))
        if strictly is not None and strictly != leniently:
            raise AssertionError(f"{reader.__name__}: {strictly!r} is {leniently!r} to the lenient reader")


def check_manifest(data: bytes) -> None:
    """What is read, in whichever mode, is written such that it reads back."""
    file = with_right_checksums(data)
    for strict in (True, False):
        packages = _read(decode_manifest, file, strict=strict)
        if isinstance(packages, tuple) and packages:
            try:
                written = encode_manifest(packages)
            except FormatError:
                continue  # lenient reading takes texts that no writer writes
            again = decode_manifest(written, strict=False)
            kept = [one for one in packages if not one.name.endswith("-dbginfo")]
            if {one.name for one in again} != {one.name for one in kept}:
                raise AssertionError(f"{packages!r} came back as {again!r}")


def check_window(data: bytes) -> None:
    """A frame inflates to the same, or is refused, wherever its window is."""
    if not is_available():
        return
    size = int.from_bytes(data[:2], "big")
    for strict in (True, False):
        outcomes: list[bytes | None] = []
        for largest in (1 << 40, 0):
            with patch.object(inflation, "LARGEST_WINDOW", largest):
                try:
                    outcomes.append(b"".join(inflation.inflate_chunks([data[2:]], size, strict=strict)))
                except FormatError:
                    outcomes.append(None)
        if outcomes[0] != outcomes[1]:
            raise AssertionError(f"strict={strict}: {outcomes}")


def check_recipe(data: bytes) -> None:
    """A recipe, and the control file that follows a byte 0xff, are read and planned, or refused with a place."""
    recipe, mark, control = data.partition(b"\xff")
    found = recipe_check.check_recipe(recipe, control if mark else None, path="fuzzed", control_path="fuzzed.kdl")
    for error in found.errors:
        is_placed = error.line is not None or error.offset is not None or found.recipe is not None
        if not error.reason or not error.path.startswith("fuzzed") or not is_placed:
            raise AssertionError(f"a refusal without reason, path or place: {error!r}")
    if found.recipe is None and not found.errors:
        raise AssertionError("neither read nor refused")
    for one in found.warnings:
        if not one.warning.text or one.warning.line < 1 or one.warning.column < 1:
            raise AssertionError(f"a warning without text or place: {one!r}")


def check_kdl(data: bytes) -> None:
    """A document is read and written back, or refused with a place."""
    try:
        document = parse_kdl(data, path="fuzzed")
    except FormatError as error:
        if error.path != "fuzzed" or (error.line is None and error.offset is None and len(data) < 1 << 20):
            raise AssertionError(f"a refusal without a place: {error!r}") from error
        return
    written = encode_kdl(document)
    if encode_kdl(parse_kdl(written)) != written:
        raise AssertionError(f"{written!r} does not come back")


def check_client(data: bytes) -> None:
    """Repositories in either language are read and written back, or refused."""
    for parse in (parse_yaml_repositories, parse_kdl_repositories):
        try:
            repositories = parse(data, path="fuzzed")
        except FormatError as error:
            if error.path != "fuzzed":
                raise AssertionError(f"a refusal without its path: {error!r}") from error
            continue
        if parse_kdl_repositories(encode_repositories(repositories)) != repositories:
            raise AssertionError(f"{repositories!r} do not come back")


def check_root_index(data: bytes) -> None:
    """A root index is read and written back, or refused."""
    try:
        index = decode_root_index(data, path="fuzzed")
    except FormatError as error:
        if error.path != "fuzzed":
            raise AssertionError(f"a refusal without its path: {error!r}") from error
        return
    if decode_root_index(encode_root_index(index)) != index:
        raise AssertionError(f"{index!r} does not come back")


def _payload(kind: PayloadKind, plain: bytes, records: int, *, is_compressed: bool) -> bytes:
    stored = frames.compress(plain) if is_compressed else plain
    compression = Compression.ZSTD if is_compressed else Compression.NONE
    return PayloadHeader(len(stored), len(plain), 0, records, kind, compression).encode() + stored


def stones() -> Iterator[bytes]:
    """Containers of each type, stored plain, so that mutations reach the records, and compressed."""
    content = [b"hello", b""]
    digests = [xxhash.xxh3_128_digest(one) for one in content]
    layout = [
        LayoutEntry(kind=EntryKind.REGULAR, target="bin/hello", mode=0o100644, digest=digests[0]),
        LayoutEntry(kind=EntryKind.REGULAR, target="share/empty", mode=0o100644, digest=digests[1]),
        LayoutEntry(kind=EntryKind.SYMLINK, target="bin/hi", mode=0o120777, link="hello"),
        LayoutEntry(kind=EntryKind.DIRECTORY, target="share/folder", mode=0o40755),
    ]
    ranges = [ContentRange(0, 5, digests[0]), ContentRange(5, 5, digests[1])]
    entry = replace(_META, uri="x.stone", hash="0" * 64, size=1)
    for is_compressed in (False, True):
        parts = [
            _payload(PayloadKind.META, *encode_meta(_META), is_compressed=is_compressed),
            _payload(PayloadKind.LAYOUT, encode_layout(layout), len(layout), is_compressed=is_compressed),
            _payload(PayloadKind.INDEX, encode_ranges(ranges), len(ranges), is_compressed=is_compressed),
            _payload(PayloadKind.CONTENT, b"".join(content), 0, is_compressed=is_compressed),
            _payload(PayloadKind.ATTRIBUTES, encode_attributes([(b"k", b"v")]), 1, is_compressed=is_compressed),
        ]
        yield Header(FileType.BINARY, len(parts)).encode() + b"".join(parts)
        yield Header(FileType.MANIFEST, 1).encode() + parts[0]
        yield Header(FileType.REPOSITORY, 1).encode() + _payload(
            PayloadKind.META, *encode_meta(entry), is_compressed=is_compressed
        )


def _frames() -> Iterator[bytes]:
    for plain in (b"", b"hello", bytes(60_000), bytes(range(256)) * 200):
        yield len(plain).to_bytes(2, "big") + frames.compress(plain)


def _recipes() -> Iterator[bytes]:
    yield (
        b'name: hello\nversion: "1.0"\nrelease: 3\nhomepage: https://example.org\nlicense: MPL-2.0\nsummary: Greets\n'
        b"description: |\n    Greets the world\nupstreams:\n    - https://example.org/hello.tar.gz: "
        + b"0"
        * 64
        + b"\n"
        b"builddeps:\n    - pkgconfig(zlib)\nsetup: |\n    %configure\nbuild: |\n    %make\n"
        b"install: |\n    %make_install\n"
        b"packages:\n    - '%(name)-devel':\n        paths:\n            - /usr/include\ntuning:\n    - lto: thin\n"
    )
    control = b'prepend {\n  setup "x"\n  builddeps { a; "binary(b)" }\n}\noverride {\n  rundeps-exclude { "^a" }\n}\n'
    examples = Path(__file__).parent.parent.parent / "examples"
    for path in sorted(examples.rglob("stone.y*ml")):
        yield path.read_bytes()
        yield path.read_bytes() + b"\xff" + control


def _documents() -> Iterator[bytes]:
    yield b'a "b" c=1 #true {\n  d; e r"x" /- 2 // f\n}\n/* g */ h """\n  i\n  """ #"j"# 0x1f 1.5e3 (t)k \\\n l\n'


def _configurations() -> Iterator[bytes]:
    yield b'a {\n  description x\n  uri "file:///x"\n  priority 10\n  active #false\n}\n'
    yield b"a:\n  description: x\n  base-uri: https://x/\n  version: stream/volatile\n  priority: 1\n"


def _root_indexes() -> Iterator[bytes]:
    yield json.dumps(
        {
            "formats": {"v0": {"upgrade_via": "tag/x"}, "v1": {"any": []}},
            "streams": {"volatile": {"format": "v0", "history": "1", "tag": "x"}},
            "tags": {"x": {"format": "v0", "history": "1"}},
            "history": {"1": {"format": "v0"}},
        }
    ).encode()


_RECIPE_WORDS = (
    *("name: ", "version: ", "release: ", "upstreams:", "packages:", "paths:", "- git|", "rundeps:", "tuning:"),
    *("profiles:", "%(name)", "emul32: true", "pkgconfig(", "networking:", "toolchain: gnu", "|\n", "&a", "*a", "%TAG"),
    *("builddeps:", "rundeps-exclude:", "environment:", "workload:", "architectures:", "stripdirs:", "unpackdir:"),
    *("%make", "%cmake", "%(_jobs)", "%break_exit", "%break_continue", "- lto: full", "\xff", "append {", "override {"),
)
_CLIENT_WORDS = (
    "description",
    "uri",
    "base-uri",
    "version",
    "channel",
    "arch",
    "priority",
    "active",
    "stream/",
    "tag/",
)

TARGETS = {
    "stone": Target(check_stone, stones),
    "manifest": Target(check_manifest, stones),
    "window": Target(check_window, _frames),
    "recipe": Target(check_recipe, _recipes, _RECIPE_WORDS),
    "kdl": Target(check_kdl, _documents, ("#true", "#null", '"""', "/-", "/*", "*/", 'r#"', '"#', "\\u{", "\\\n")),
    "client": Target(check_client, _configurations, _CLIENT_WORDS),
    "root-index": Target(
        check_root_index, _root_indexes, ('"formats"', '"history"', '"upgrade_via"', "\\ud800", "NaN")
    ),
}
