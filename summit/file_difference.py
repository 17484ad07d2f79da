"""What differs between two states of a recipe's directory, file by file, for the eyes of a reviewer.

Text is shown as a unified diff, a binary manifest in words, and of everything else what it was and is. Whatever stands
in git is bounded, and what was cut is said. Characters that do not show, or turn the direction of a line, are escaped:
a reviewer must see what is built.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.manifest import decode_manifest
from serpent_infra.formats.manifest_difference import describe, difference
from serpent_infra.git import Entry, EntryKind, FileChange, Mirror, PatchLine, TooManyEntries
from serpent_infra.git.trees import RECIPE_FILE

MOST_FILES = 60  # of one recipe
FILE_LINES = 600
FILE_BYTES = 512 * 2**10  # of either side; a larger one is only named
LINE_LENGTH = 400  # characters
PAGE_LINES = 4000
PAGE_BYTES = 2 * 2**20  # of all that is compared for one page
_MOST_COUNTED = 5000
_MANIFEST = re.compile(r"manifest\.[a-z0-9_]{1,32}\.bin\Z")
_REPORT = re.compile(r"manifest\.[a-z0-9_]{1,32}\.jsonc\Z")
_CONTROL = "control.kdl"
_ROLES = {"+": "added", "-": "removed", " ": "same", "@": "place", "\\": "remark"}


class Kind(StrEnum):
    """What became of a file."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it is shown: `sign` is "+", "-", " ", "@" or a backslash, numbers are those of either side."""

    sign: str
    text: str
    before: int | None = None
    after: int | None = None

    @property
    def role(self) -> str:
        """What the line is, in the words of the style sheet."""
        return _ROLES[self.sign]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDifference:
    """A file that differs; `notes` are sentences, `is_words` says that the lines are no unified diff."""

    path: str
    kind: Kind
    notes: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    is_words: bool = False

    @property
    def text(self) -> str:
        """The lines as a unified diff has them."""
        return "".join(f"{'' if line.sign == '@' or self.is_words else line.sign}{line.text}\n" for line in self.lines)


@dataclass(slots=True)
class Budget:
    """How much more one page takes."""

    lines: int = PAGE_LINES
    bytes: int = PAGE_BYTES

    def takes(self, size: int) -> bool:
        """Takes bytes off, and says whether there was room for them."""
        if size > self.bytes:
            return False
        self.bytes -= size
        return True


@dataclass(slots=True)
class DirectoryDifference:
    """The files that differ, the recipe's first; `left_out` counts what is not listed, `is_endless` that it is more."""

    files: list[FileDifference] = field(default_factory=list)
    left_out: int = 0
    is_endless: bool = False


def compare(mirror: Mirror, old: tuple[str, str] | None, new: tuple[str, str], budget: Budget) -> DirectoryDifference:
    """Compares a directory's two states, each a commit and a path; None was none. Raises `GitError`."""
    found = DirectoryDifference()
    changes: list[FileChange] = []
    try:
        changes.extend(islice(mirror.differing(old, new), _MOST_COUNTED + 1))
    except TooManyEntries:
        found.is_endless = True
    changes.sort(key=_rank)
    found.is_endless |= len(changes) > _MOST_COUNTED
    found.left_out = max(len(changes) - MOST_FILES, 0)
    found.files = [_file(mirror, change, budget) for change in changes[:MOST_FILES]]
    return found


def shown(text: str) -> str:
    """Escapes the characters of a line that do not show as themselves, and cuts it where it is too long."""
    cut = text[:LINE_LENGTH]
    visible = cut if cut.isprintable() else "".join(map(_visible, cut))
    return visible if len(text) <= LINE_LENGTH else f"{visible} … ({len(text):,} characters)"


def _visible(character: str) -> str:
    if character == "\t" or character.isprintable():
        return character
    return character.encode("unicode_escape").decode()


def _rank(change: FileChange) -> tuple[int, str]:
    """Puts the recipe first, then what edits it, then other files, and what builds made of it last."""
    if change.path == RECIPE_FILE:
        return 0, ""
    if change.path == _CONTROL:
        return 1, ""
    return 3 if _MANIFEST.match(change.path) else 4 if _REPORT.match(change.path) else 2, change.path


def _file(mirror: Mirror, change: FileChange, budget: Budget) -> FileDifference:
    before, after = change.before, change.after
    kind = Kind.ADDED if before is None else Kind.REMOVED if after is None else Kind.CHANGED
    path, notes = shown(change.path), list(_nature(before, after))
    old, new = _blob(before), _blob(after)
    if old == new:
        return FileDifference(path=path, kind=kind, notes=tuple(notes))
    sizes = [mirror.size(blob) if blob else None for blob in (old, new)]
    largest = max(size for size in sizes if size is not None)
    if largest > FILE_BYTES:
        notes.append(f"too large to be shown: {_sizes(*sizes)}")
    elif not budget.takes(sum(size or 0 for size in sizes)) or not budget.lines:
        notes.append(f"not shown, as there is so much else: {_sizes(*sizes)}")
    elif _MANIFEST.match(change.path) and (words := _words(mirror, old, new)) is not None:
        lines = _fitting([Line(" ", shown(line)) for line in words], notes, budget)
        return FileDifference(path=path, kind=kind, notes=tuple(notes), lines=lines, is_words=True)
    elif (patch := mirror.patch(old, new)) is None:
        notes.append(f"binary, {_sizes(*sizes)}")
    else:
        lines = _fitting(list(_readable(patch, notes)), notes, budget)
        notes.extend(() if lines else ("empty",))
        return FileDifference(path=path, kind=kind, notes=tuple(notes), lines=lines)
    return FileDifference(path=path, kind=kind, notes=tuple(notes))


def _blob(entry: Entry | None) -> str:
    return "" if entry is None or entry.kind is EntryKind.SUBMODULE else entry.id


def _nature(before: Entry | None, after: Entry | None) -> Iterator[str]:
    """Says what is no plain file, and what became one."""
    if before is not None and after is not None and before.kind is not after.kind:
        yield f"is {_a(after.kind)} now, was {_a(before.kind)}"
        return
    entry = after or before
    if entry is not None and entry.kind is not EntryKind.FILE:
        yield _a(entry.kind)
    if entry is not None and entry.kind is EntryKind.SUBMODULE:
        yield "recipes cannot hold any"


def _a(kind: EntryKind) -> str:
    return f"{'an' if kind is EntryKind.EXECUTABLE else 'a'} {kind}"


def _sizes(before: int | None, after: int | None) -> str:
    """Says `12 bytes`, or `12 → 340 bytes` where both sides are files."""
    known = [f"{size:,}" for size in (before, after) if size is not None]
    return f"{' → '.join(known)} bytes"


def _words(mirror: Mirror, old: str, new: str) -> list[str] | None:
    """Describes what sets two manifests apart; None where one of them is none."""
    try:
        packages = [decode_manifest(mirror.blob_data(blob), strict=False) if blob else () for blob in (old, new)]
        return list(describe(difference(*packages))) or ["no package, field or capability differs"]
    except FormatError:
        return None


def _readable(patch: Iterable[PatchLine], notes: list[str]) -> Iterator[Line]:
    is_utf8 = True
    for line in patch:
        try:
            text = line.text.decode()
        except UnicodeDecodeError:
            text = line.text.decode(errors="backslashreplace")
            if is_utf8:
                notes.append("no UTF-8: other bytes are shown by their numbers")
            is_utf8 = False
        yield Line(line.sign, shown(text), line.before, line.after)


def _fitting(lines: list[Line], notes: list[str], budget: Budget) -> tuple[Line, ...]:
    room = min(FILE_LINES, budget.lines)
    if len(lines) > room:
        notes.append(f"cut after {room:,} of {len(lines):,} lines")
    budget.lines -= min(len(lines), room)
    return tuple(lines[:room])
