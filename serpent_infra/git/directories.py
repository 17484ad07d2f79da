"""One directory in two commits: which of its files differ, compared by their ids, and the lines in which two do.

Nothing here trusts the trees: what is looked at is bounded, however deep or often they name each other.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import pygit2
from pygit2.enums import FileMode

DEPTH_LIMIT = 32
ENTRY_LIMIT = 20_000  # of trees and files that are looked at


class EntryKind(StrEnum):
    """What a path of a commit is."""

    FILE = "file"
    EXECUTABLE = "executable file"
    LINK = "symbolic link"
    SUBMODULE = "submodule"


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands at a path: the id is a blob's, or the commit's of a submodule."""

    kind: EntryKind
    id: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """A path, relative to the directory, that differs; bytes of it that are no UTF-8 are escaped."""

    path: str
    before: Entry | None
    after: Entry | None


@dataclass(frozen=True, slots=True)
class PatchLine:
    """A line of a unified diff without its end: `sign` is that of the format, or "@" for the heading of a hunk.

    A backslash is the sign of the remark that the line before has no line break. Numbers are those of either side,
    from 1.
    """

    sign: str
    text: bytes
    before: int | None = None
    after: int | None = None


class TooManyEntries(Exception):
    """The directories hold more than is looked at."""


def differing(old: pygit2.Tree | None, new: pygit2.Tree | None) -> Iterator[FileChange]:
    """Compares two directories, of which one may not exist: a directory's files come before its directories.

    Raises `TooManyEntries` on the way; what was given until then stands.
    """
    waiting: list[tuple[str, int, pygit2.Tree | None, pygit2.Tree | None]] = [("", 0, old, new)]
    looked_at = 0
    while waiting:
        directory, depth, was, now = waiting.pop()
        olds, news = _items(was), _items(now)
        looked_at += len(olds) + len(news)
        if looked_at > ENTRY_LIMIT or depth > DEPTH_LIMIT:
            raise TooManyEntries
        below = []
        for name in sorted(olds.keys() | news.keys()):
            one, other = olds.get(name), news.get(name)
            if one is not None and other is not None and (one.id, one.filemode) == (other.id, other.filemode):
                continue
            path = directory + name.decode(errors="backslashreplace")  # for people: nothing is opened by it
            before, after = _entry(one), _entry(other)
            if before is not None or after is not None:
                yield FileChange(path, before, after)
            if isinstance(one, pygit2.Tree) or isinstance(other, pygit2.Tree):
                trees = [item if isinstance(item, pygit2.Tree) else None for item in (one, other)]
                below.append((f"{path}/", depth + 1, trees[0], trees[1]))
        waiting.extend(reversed(below))


def patch(old: pygit2.Blob | None, new: pygit2.Blob | None, *, context: int = 3) -> list[PatchLine] | None:
    """Gives the lines of the unified diff of two files, None where one of them is binary."""
    found = pygit2.Patch.create_from(old, new, context_lines=context)
    if found.delta.is_binary:
        return None
    lines: list[PatchLine] = []
    for hunk in found.hunks:
        places = (hunk.old_start, hunk.old_lines, hunk.new_start, hunk.new_lines)
        lines.append(PatchLine("@", b"@@ -%d,%d +%d,%d @@" % places))
        for line in hunk.lines:
            if line.origin in "+- ":
                text = line.raw_content.removesuffix(b"\n")
                lines.append(PatchLine(line.origin, text, _number(line.old_lineno), _number(line.new_lineno)))
            else:
                lines.append(PatchLine("\\", b"No newline at end of file"))
    return lines


def _items(tree: pygit2.Tree | None) -> dict[bytes, pygit2.Object]:
    return {} if tree is None else {item.raw_name or b"": item for item in tree}


def _entry(item: pygit2.Object | None) -> Entry | None:
    if item is None or isinstance(item, pygit2.Tree):
        return None
    return Entry(_KINDS.get(item.filemode, EntryKind.FILE), str(item.id))


_KINDS = {
    FileMode.BLOB_EXECUTABLE: EntryKind.EXECUTABLE,
    FileMode.LINK: EntryKind.LINK,
    FileMode.COMMIT: EntryKind.SUBMODULE,
}


def _number(number: int) -> int | None:
    return number if number > 0 else None
