"""Unpacks a package into a directory, whatever the package tries."""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import xxhash

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.stone.contents import ContentRange
from serpent_infra.formats.stone.directory import Directory, Occupied
from serpent_infra.formats.stone.header import SIZE
from serpent_infra.formats.stone.layout import EntryKind, LayoutEntry, check_target
from serpent_infra.formats.stone.limits import DEFAULT_LIMITS, Limits
from serpent_infra.formats.stone.package import Package, check_digest, package_of, split_content
from serpent_infra.formats.stone.reader import Source, open_stone

_PERMISSIONS = 0o777
_ALL_BITS = 0o7777
_MAX_NAME = 255
_MAX_LINK = 4095
"""Bytes that Linux takes in a component and in the text of a symlink."""


def extract(
    source: Source,
    usr: Path,
    *,
    replace: bool = False,
    set_id: bool = False,
    strict: bool = True,
    limits: Limits = DEFAULT_LIMITS,
) -> Package:
    """Unpacks a package below `usr`, the directory that stands for `/usr`; it is made where missing.

    Every digest is verified while it is written. Never leaves `usr` and never writes through a symlink, be it of this
    package or already there. Owners are not set. A path that exists already is refused unless `replace`
    (directories merge in any case); set-id and sticky bits are dropped unless `set_id`; device nodes, fifos and
    sockets are refused. Raises `FormatError`; what was unpacked until then stays, and is the caller's to remove.
    `OSError` means that the disk, not the package, is at fault.
    """
    with open_stone(source, strict=strict, limits=limits) as stone:
        package = package_of(stone)
        with stone.located(package.content.offset if package.content else SIZE, ""):
            wanted = _regular_files(package)
            _check(package, wanted, limits)
            usr.mkdir(parents=True, exist_ok=True)
            mask = _ALL_BITS if set_id else _PERMISSIONS
            with Directory.open(usr, replace=replace) as directory:
                try:
                    _unpack(package, wanted, directory, mask)
                except Occupied as error:
                    raise FormatError(f"{error.target}: {error.reason}") from error
    return package


def _regular_files(package: Package) -> Mapping[bytes, Sequence[LayoutEntry]]:
    wanted: defaultdict[bytes, list[LayoutEntry]] = defaultdict(list)
    for entry in package.layout:
        if entry.kind == EntryKind.REGULAR:
            wanted[entry.digest].append(entry)
    return wanted


def _check(package: Package, wanted: Mapping[bytes, Sequence[LayoutEntry]], limits: Limits) -> None:
    """Refuses, before anything is written, what cannot be unpacked or would write more than is allowed."""
    for entry in package.layout:
        check_target(entry.target)
        if entry.kind > EntryKind.DIRECTORY:
            raise FormatError(f"{entry.target}: a {entry.kind.name.lower()} is not unpacked")
        if any(len(os.fsencode(part)) > _MAX_NAME for part in entry.target.split("/")):
            raise FormatError(f"{entry.target}: a component of more than {_MAX_NAME} bytes")
        if entry.kind == EntryKind.SYMLINK and not _is_link_text(entry.link):
            raise FormatError(f"{entry.target}: a symlink to {entry.link[:_MAX_NAME]!r}")
    sizes = {one.digest: one.size for one in package.ranges}
    if missing := wanted.keys() - sizes.keys():
        entry = wanted[missing.pop()][0]
        raise FormatError(f"{entry.target}: its content is not in the package")
    total = sum(sizes[digest] * len(entries) for digest, entries in wanted.items())
    if limits.content is not None and total > limits.content:
        raise FormatError(f"{total:,} bytes to unpack, {limits.content:,} are allowed")


def _is_link_text(link: str) -> bool:
    return "\0" not in link and 0 < len(os.fsencode(link)) <= _MAX_LINK


def _unpack(package: Package, wanted: Mapping[bytes, Sequence[LayoutEntry]], directory: Directory, mask: int) -> None:
    """Writes files, then symlinks and directories, and the directories' modes when nothing more goes into them."""
    done: set[bytes] = set()
    for one, pieces in split_content(package):
        if one.digest in wanted and one.digest not in done:
            done.add(one.digest)
            _write_copies(directory, wanted[one.digest], _verified(one, pieces), mask)
    directories: list[LayoutEntry] = []
    for entry in package.layout:
        if entry.kind == EntryKind.SYMLINK:
            directory.symlink(entry.target, entry.link)
        elif entry.kind == EntryKind.DIRECTORY:
            directory.make(entry.target)
            directories.append(entry)
    for entry in sorted(directories, key=lambda entry: entry.target, reverse=True):
        directory.chmod_directory(entry.target, entry.mode & mask)


def _verified(one: ContentRange, pieces: Iterator[bytes]) -> Iterator[bytes]:
    hasher = xxhash.xxh3_128()
    for piece in pieces:
        hasher.update(piece)
        yield piece
    check_digest(one, hasher.digest())


def _write_copies(directory: Directory, entries: Sequence[LayoutEntry], pieces: Iterator[bytes], mask: int) -> None:
    """Writes one content to all its paths; the first takes it from the package, the others from the first."""
    first, *others = entries
    with directory.create(first.target) as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        for entry in others:
            with directory.create(entry.target) as copy:
                _copy(file.fileno(), copy.fileno())
                os.fchmod(copy.fileno(), entry.mode & mask)
        os.fchmod(file.fileno(), first.mode & mask)


def _copy(source: int, target: int) -> None:
    offset = 0
    while sent := os.sendfile(target, source, offset, 1 << 30):
        offset += sent
