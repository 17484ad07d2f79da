"""Makes the index of a directory of stones, by the rules of `moss index` (stone-spec 2.1)."""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.index import FILE_NAME, encode_entry, write_index
from serpent_infra.formats.stone.header import FileType
from serpent_infra.formats.stone.limits import DEFAULT_LIMITS, Limits
from serpent_infra.formats.stone.meta import Meta
from serpent_infra.formats.stone.package import package_of
from serpent_infra.formats.stone.reader import open_stone

SUFFIX = ".stone"

_MISREAD = re.compile(r"[?#%\\\x00-\x1f\x7f]|^[^/]*:")
"""What a client would take for a query, an escape, another separator or a scheme when it joins the URI to its base."""


@dataclass(frozen=True, slots=True)
class FoundStone:
    """A stone on disk, and what it says about itself."""

    path: Path
    meta: Meta


def write_directory_index(
    directory: Path, output: Path | None = None, *, strict: bool = True, limits: Limits = DEFAULT_LIMITS
) -> list[FoundStone]:
    """Writes `<output>/stone.index` of all stones below `directory`, and gives the packages in it, sorted by name.

    `output` is a directory, by default `directory` itself. Of the stones of one name the highest release is taken.
    URIs are paths relative to `output`, with `..` where needed. The file appears only when complete. Raises
    `FormatError` for a stone that does not read, two stones of equal name and release, a path that no URI can name,
    and more packages than an index holds; `OSError` where the disk fails.
    """
    directory = directory.resolve(strict=True)
    output = directory if output is None else output.resolve(strict=True)
    latest = latest_releases(find_stones(directory, strict=strict, limits=limits))
    entries = [_entry(one, output) for one in latest]
    part = output / f".{FILE_NAME}.part"
    try:
        with part.open("wb") as stream:
            write_index(stream, entries)
        part.replace(output / FILE_NAME)
    finally:
        part.unlink(missing_ok=True)
    return latest


def find_stones(directory: Path, *, strict: bool = True, limits: Limits = DEFAULT_LIMITS) -> Iterator[FoundStone]:
    """Reads every `*.stone` below a directory, in the order of their paths; symlinks are passed over, as moss does.

    Raises `FormatError` where one is no binary package.
    """
    for folder, folders, names in os.walk(directory, onerror=_fail):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            if path.suffix == SUFFIX and path.is_file() and not path.is_symlink():
                with open_stone(path, strict=strict, limits=limits) as stone:
                    if stone.header.file_type != FileType.BINARY:
                        raise FormatError(f"file type {stone.header.file_type} is no package", path=str(path))
                    yield FoundStone(path, package_of(stone).meta)


def _fail(error: OSError) -> None:
    raise error


def latest_releases(stones: Iterable[FoundStone]) -> list[FoundStone]:
    """Gives the highest release of each name, sorted by name. Raises `FormatError` for two of equal release."""
    latest: dict[str, FoundStone] = {}
    for one in stones:
        other = latest.get(one.meta.name)
        if other is not None and other.meta.release == one.meta.release:
            raise FormatError(
                f"{one.meta.name} {one.meta.version} has the release {one.meta.release} of {other.path}",
                path=str(one.path),
            )
        if other is None or one.meta.release > other.meta.release:
            latest[one.meta.name] = one
    return [latest[name] for name in sorted(latest)]


def _entry(one: FoundStone, output: Path) -> bytes:
    uri = os.path.relpath(one.path, output)
    if _MISREAD.search(uri) or not uri.isprintable():
        raise FormatError("the path cannot stand in an index: clients would read it as another URI", path=str(one.path))
    hasher = hashlib.sha256()
    size = 0
    with one.path.open("rb") as file:
        while chunk := file.read(1 << 18):
            hasher.update(chunk)
            size += len(chunk)
    return encode_entry(one.meta, uri=uri, sha256=hasher.hexdigest(), size=size)
