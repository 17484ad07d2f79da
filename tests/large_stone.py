"""Writes a package of 1 GiB whose window is as large as its content, and measures what reading it takes.

Each is a process of its own: `python -m tests.large_stone write|verify|extract FILE [DIRECTORY]`.
"""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import xxhash
from backports.zstd import CompressionParameter, ZstdCompressor

from serpent_infra.formats.stone.contents import ContentRange, encode_ranges
from serpent_infra.formats.stone.extract import extract
from serpent_infra.formats.stone.header import FileType, Header
from serpent_infra.formats.stone.layout import EntryKind, LayoutEntry, encode_layout
from serpent_infra.formats.stone.meta import Meta
from serpent_infra.formats.stone.package import verify_package
from serpent_infra.formats.stone.payload import PayloadHeader, PayloadKind
from serpent_infra.formats.stone.writer import encode_meta_payload, encode_payload

SIZE = 1 << 30
FILES = 16
FILE_SIZE = SIZE // FILES
_PIECE = 1 << 20
_WINDOW_LOG = 30


def _file(number: int) -> Iterator[bytes]:
    """Gives a file that no compressor shrinks, but for what it shares with the others: all but 4 KiB of each piece."""
    for place in range(FILE_SIZE // _PIECE):
        own = random.Random(number * 1000 + place).randbytes(4096)  # noqa: S311 (content, no secret)
        yield random.Random(place).randbytes(_PIECE - len(own)) + own  # noqa: S311 (likewise)


def write(output: Path) -> None:
    """Writes the package; its frame refers back over hundreds of mebibytes."""
    digests: list[bytes] = []
    compressor = ZstdCompressor(
        options={
            CompressionParameter.compression_level: 1,
            CompressionParameter.window_log: _WINDOW_LOG,
            CompressionParameter.enable_long_distance_matching: 1,
            CompressionParameter.content_size_flag: 1,
        }
    )
    compressor.set_pledged_input_size(SIZE)
    frame = output.with_suffix(".frame")
    checksum = xxhash.xxh3_64()
    with frame.open("wb") as stored:
        for number in range(FILES):
            digest = xxhash.xxh3_128()
            for piece in _file(number):
                digest.update(piece)
                _store(stored, checksum, compressor.compress(piece))
            digests.append(digest.digest())
        _store(stored, checksum, compressor.flush(ZstdCompressor.FLUSH_FRAME))
    layout = [
        LayoutEntry(kind=EntryKind.REGULAR, target=f"share/large/{number}", mode=0o100644, digest=one)
        for number, one in enumerate(digests)
    ]
    ranges = [ContentRange(n * FILE_SIZE, (n + 1) * FILE_SIZE, one) for n, one in enumerate(digests)]
    head = PayloadHeader(frame.stat().st_size, SIZE, checksum.intdigest(), 0, PayloadKind.CONTENT)
    with output.open("wb") as stone, frame.open("rb") as stored:
        stone.write(Header(FileType.BINARY, 4).encode())
        stone.write(encode_meta_payload(_META))
        stone.write(encode_payload(PayloadKind.LAYOUT, encode_layout(layout), len(layout)))
        stone.write(encode_payload(PayloadKind.INDEX, encode_ranges(ranges), len(ranges)))
        stone.write(head.encode())
        while piece := stored.read(_PIECE):
            stone.write(piece)
    frame.unlink()


def _store(stored: BinaryIO, checksum: "xxhash.xxh3_64", piece: bytes) -> None:
    checksum.update(piece)
    stored.write(piece)


_META = Meta(
    name="large",
    version="1",
    release=1,
    build_release=1,
    architecture="x86_64",
    summary="Large",
    description="A gibibyte",
    source_id="large",
    homepage="https://example.org",
)


class Cost(NamedTuple):
    """What a process took."""

    seconds: float
    peak: int
    """Bytes of the largest resident set, Python's own included."""


def cost_of(action: str, *paths: Path) -> Cost:
    """Runs one action in a process of its own and gives what it took."""
    printed = subprocess.run(
        [sys.executable, "-m", "tests.large_stone", action, *map(str, paths)],
        check=True,
        capture_output=True,
        text=True,
        timeout=280,
    ).stdout.split()
    return Cost(float(printed[0]), int(printed[1]))


def main(action: str, path: str, *rest: str) -> None:
    """Does what the command line says, and prints seconds and peak bytes."""
    match action:
        case "write":
            write(Path(path))
        case "verify":
            verify_package(Path(path))
        case "extract":
            extract(Path(path), Path(rest[0]))
        case _:
            raise SystemExit(f"{action}?")
    # Not ru_maxrss: that is inherited from the process which started this one.
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024
    elapsed = os.times().elapsed - _STARTED
    print(f"{elapsed:.3f} {peak}")  # noqa: T201 (read by cost_of)


_STARTED = os.times().elapsed

if __name__ == "__main__":
    main(*sys.argv[1:])
