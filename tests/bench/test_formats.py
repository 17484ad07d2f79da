"""What reading and writing the formats costs, each against what the machine needs at least for the same bytes."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter

import pytest
import xxhash
from backports.zstd import DecompressionParameter, ZstdDecompressor

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.index import assemble, encode_entry, read_index, write_index
from serpent_infra.formats.manifest import decode_manifest
from serpent_infra.formats.stone import header, payload
from serpent_infra.formats.stone.frames import MAX_WINDOW_LOG
from serpent_infra.formats.stone.meta import Meta
from serpent_infra.formats.stone.payload import PayloadHeader
from tests.bench.tables import milliseconds, print_table
from tests.large_stone import SIZE, cost_of

pytestmark = pytest.mark.bench

ROUNDS = 7
PACKAGES = 20_000
MIB = 1 << 20
_OPTIONS: dict[int, int] = {DecompressionParameter.window_log_max: MAX_WINDOW_LOG}


def medians(*actions: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """Gives the median seconds of each action; they take turns, so that what the machine does else hits all alike."""
    seconds: list[list[float]] = [[] for _ in actions]
    for _ in range(rounds):
        for action, own in zip(actions, seconds, strict=True):
            begin = perf_counter()
            action()
            own.append(perf_counter() - begin)
    return [median(own) for own in seconds]


def frames_of(file: bytes) -> list[bytes]:
    """Gives the stored bytes of each payload."""
    found: list[bytes] = []
    position = header.SIZE
    while position < len(file):
        head = PayloadHeader.decode(file[position : position + payload.SIZE], offset=position)
        start = position + payload.SIZE
        found.append(file[start : start + head.stored_size])
        position = start + head.stored_size
    return found


@pytest.mark.real_data
def test_reading_all_manifests(recipe_tree: Path) -> None:
    files = [path.read_bytes() for path in sorted(recipe_tree.rglob("manifest.*.bin"))]
    stored = [one for file in files for one in frames_of(file)]

    def inflate() -> int:
        return sum(len(ZstdDecompressor(options=_OPTIONS).decompress(one)) for one in stored)

    def inflate_and_hash() -> int:
        return inflate() + sum(xxhash.xxh3_64_intdigest(one) & 1 for one in stored)

    def read() -> int:
        return sum(len(decode_manifest(file)) for file in files)

    assert read() == len(stored)
    plain, hashed, strict = medians(inflate, inflate_and_hash, read)
    print_table(
        f"Reading {len(files):,} manifests of {len(stored):,} packages",
        how=f"median of {ROUNDS}, taking turns; files in memory, {inflate():,} plain bytes",
        header=("", "time", "ratio"),
        rows=[
            ("zstd decompression alone", milliseconds(plain), "1.0"),
            ("and XXH3-64 of the stored bytes", milliseconds(hashed), f"{hashed / plain:.1f}"),
            ("strict reading into metadata", milliseconds(strict), f"{strict / plain:.1f}"),
        ],
    )


def packages() -> list[tuple[Meta, str, str]]:
    """Gives packages as large as real ones are on average, each with its URI and hash."""
    meta = Meta(
        name="package",
        version="1.0",
        release=1,
        build_release=1,
        architecture="x86_64",
        summary="Something that people install",
        description="A longer text which says what the package is, what it is for, and what else there is. " * 3,
        source_id="package",
        homepage="https://example.org/package",
        licenses=("MPL-2.0",),
    )
    found: list[tuple[Meta, str, str]] = []
    for number in range(PACKAGES):
        name = f"package-{number}"
        depends = frozenset(Capability.parse(f"soname(lib{number + part}.so.1(x86_64))") for part in range(6))
        provides = frozenset(Capability.parse(f"soname(lib{number}-{part}.so.1(x86_64))") for part in range(4))
        one = replace(meta, name=name, source_id=name, depends=depends, provides=provides)
        found.append((one, f"../../../pool/v0/p/{name}/{one.file_name}", f"{number:064x}"))
    return found


def write_durably(path: Path, write: Callable[[object], object]) -> None:
    """Writes a file anew and waits until the disk has it."""
    with path.open("wb") as output:
        write(output)
        output.flush()
        os.fsync(output.fileno())


def test_writing_an_index(tmp_path: Path) -> None:
    described = packages()

    def encode() -> list[bytes]:
        return [encode_entry(meta, uri=uri, sha256=sha256, size=1000) for meta, uri, sha256 in described]

    begin = perf_counter()
    entries = encode()
    encoding = perf_counter() - begin
    content = b"".join(assemble(entries))
    path = tmp_path / "stone.index"
    plain, ready = medians(
        lambda: write_durably(path, lambda output: output.write(content)),  # type: ignore[attr-defined]  # a file
        lambda: write_durably(path, lambda output: write_index(output, entries)),  # type: ignore[arg-type]  # likewise
        rounds=15,
    )
    (reading,) = medians(lambda: read_index(path), rounds=3)
    assert path.read_bytes() == content
    print_table(
        f"Writing an index of {PACKAGES:,} packages, {len(content):,} bytes",
        how="median of 15, taking turns, each with fsync; from scratch once; reading is the median of 3",
        header=("", "time", "ratio"),
        rows=[
            ("write and fsync of the same bytes", milliseconds(plain), "1.0"),
            ("from ready-made records", milliseconds(ready), f"{ready / plain:.1f}"),
            (
                "from scratch: zstd level 18 a package",
                milliseconds(encoding + ready),
                f"{(encoding + ready) / plain:.0f}",
            ),
            ("reading it strictly", milliseconds(reading), f"{reading / plain:.1f}"),
        ],
    )


def test_memory_of_a_large_stone(tmp_path: Path) -> None:
    stone = tmp_path / "large.stone"
    cost_of("write", stone)
    verified = cost_of("verify", stone)
    extracted = cost_of("extract", stone, tmp_path / "usr")
    print_table(
        f"A package of {SIZE // MIB:,} MiB whose window is as large, {stone.stat().st_size:,} bytes stored",
        how="one process each; peak of the resident set, Python's own included; the bound is 64 MiB",
        header=("", "time", "peak"),
        rows=[
            (name, milliseconds(cost.seconds), f"{cost.peak / MIB:.0f} MiB")
            for name, cost in (("verifying all digests", verified), ("extracting", extracted))
        ],
    )
    assert max(verified.peak, extracted.peak) < 64 * MIB
