"""Makes the layout record of something on disk (stone-spec 1.6, 5.3)."""

from pathlib import Path

import xxhash

from serpent_infra.formats.stone.frames import CHUNK
from serpent_infra.formats.stone.layout import EntryKind, LayoutEntry, check_target
from serpent_infra.formats.stone.writer import PackagedFile


def digest_of(path: Path) -> bytes:
    """Gives a file's XXH3-128, 16 bytes. Raises `OSError`."""
    hasher = xxhash.xxh3_128()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            hasher.update(chunk)
    return hasher.digest()


def scan(source: Path, target: str) -> PackagedFile:
    """Makes the record of what stands at `source`, as root's; `target` is relative to `/usr`.

    Raises `FormatError` for a target the format cannot hold, `OSError` where the source cannot be read.
    """
    check_target(target)
    mode = source.lstat().st_mode
    kind = EntryKind.of_mode(mode)
    if kind is EntryKind.REGULAR:
        return PackagedFile(LayoutEntry(kind=kind, target=target, mode=mode, digest=digest_of(source)), source)
    link = str(source.readlink()) if kind is EntryKind.SYMLINK else ""
    return PackagedFile(LayoutEntry(kind=kind, target=target, mode=mode, link=link))
