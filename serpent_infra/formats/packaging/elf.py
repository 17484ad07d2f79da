"""What an ELF file says of itself (stone-spec 5.4, 3).

Read by pyelftools within bounds, for a build may leave any file at all.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, cast

from elftools.common.exceptions import ELFError, ELFParseError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection, Section

_MAGIC = b"\x7fELF"
_TYPES = ("SHT_DYNAMIC", "SHT_DYNSYM", "SHT_NOTE", "SHT_PROGBITS")
_TAGS = {"DT_NEEDED": "needed", "DT_SONAME": "soname", "DT_RUNPATH": "runpath", "DT_RPATH": "rpath"}
_MAX_READ = 16 * 2**20  # bytes of headers and strings of one file
_MAX_SECTIONS = 2**16
_MAX_TAGS = 10_000
_MAX_NAME = 4096  # bytes of a path on Linux
_MAX_NOTES = 2**16


class UnreadableElf(Exception):
    """A file begins as an ELF file and breaks that format, or is larger in some way than any real one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ElfFacts:
    """The facts of one ELF file; `isa` is the machine as capabilities name it (`x86_64`, `386`, `aarch64`).

    `needed` and `soname` count only where `has_symbols`, a table of dynamic symbols; `search` lists the texts of
    DT_RUNPATH, then of DT_RPATH.
    """

    isa: str
    bits: int
    has_symbols: bool = True
    needed: tuple[str, ...] = ()
    soname: str | None = None
    search: tuple[str, ...] = ()
    interpreter: str | None = None
    build_id: str | None = None


def read_elf(stream: BinaryIO) -> ElfFacts | None:
    """Reads an open file; None where it is no ELF file. Raises `UnreadableElf` for a damaged one."""
    if stream.read(len(_MAGIC)) != _MAGIC:
        return None
    stream.seek(0)
    try:
        return _facts(ELFFile(cast("BinaryIO", _Bounded(stream))))
    except UnreadableElf:
        raise
    except Exception as error:  # pyelftools meets damaged files with whatever its structures raise
        raise UnreadableElf(f"{type(error).__name__} while reading its headers") from error


class _Bounded:
    """The part of a stream that pyelftools uses, with an end to how much it may read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left = _MAX_READ

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > self._left:
            raise UnreadableElf(f"its headers want more than {_MAX_READ:,} bytes")
        data = self._stream.read(size)
        self._left -= len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


def _facts(elf: ELFFile) -> ElfFacts:
    dynamic: dict[str, list[str]] | None = None
    interpreter = build_id = None
    has_symbols = False
    for section in _sections(elf):
        has_symbols = has_symbols or section["sh_type"] == "SHT_DYNSYM"
        if isinstance(section, DynamicSection):
            dynamic = dynamic or _read_dynamic(section)
        elif section.name == ".interp":
            interpreter = _text(section)
        elif section.name == ".note.gnu.build-id" and isinstance(section, NoteSection):
            build_id = build_id or _build_id(section)
    tags = dynamic or {}
    return ElfFacts(
        isa=str(elf["e_machine"]).removeprefix("EM_").lower(),
        bits=elf.elfclass,
        has_symbols=has_symbols,
        needed=tuple(tags.get("DT_NEEDED", ())),
        soname=next(iter(tags.get("DT_SONAME", ())), None),
        search=(*tags.get("DT_RUNPATH", ()), *tags.get("DT_RPATH", ())),
        interpreter=interpreter,
        build_id=build_id,
    )


def _sections(elf: ELFFile) -> Iterator[Section]:
    """Gives the sections of the types that matter; the others, large tables among them, are not even looked at."""
    count = elf.num_sections()
    if count > _MAX_SECTIONS:
        raise UnreadableElf(f"{count:,} sections")
    for number in range(count):
        try:
            yield elf.get_section(number, _TYPES)
        except ELFParseError:
            raise
        except ELFError:  # of another type
            continue


def _read_dynamic(section: DynamicSection) -> dict[str, list[str]]:
    """Reads the texts of the tags that matter; a text that is no UTF-8 is as good as absent."""
    texts: dict[str, list[str]] = {kind: [] for kind in _TAGS}
    for number, tag in enumerate(islice(section.iter_tags(), _MAX_TAGS + 1)):
        if number == _MAX_TAGS:
            raise UnreadableElf(f"more than {_MAX_TAGS:,} dynamic tags")
        kind = tag.entry.d_tag
        if kind in _TAGS:
            text = str(getattr(tag, _TAGS[kind]))
            if len(text) > _MAX_NAME:
                raise UnreadableElf(f"a {kind} of {len(text):,} characters")
            if text and "\ufffd" not in text:  # what pyelftools puts in the place of bytes that are no UTF-8
                texts[kind].append(text)
    return texts


def _text(section: Section) -> str | None:
    """Reads a section's text up to its NUL; None where there is none."""
    if section["sh_size"] > _MAX_NAME:
        raise UnreadableElf(f"{section.name} of {section['sh_size']:,} bytes")
    section.stream.seek(section["sh_offset"])
    text, nul, _ = bytes(section.stream.read(section["sh_size"])).partition(b"\0")
    try:
        return text.decode() or None if nul else None
    except UnicodeDecodeError:
        return None


def _build_id(section: NoteSection) -> str | None:
    """Reads the build id, lower-case hex; None where the notes hold none."""
    if section["sh_size"] > _MAX_NOTES:
        raise UnreadableElf(f"{section.name} of {section['sh_size']:,} bytes")
    ids = (note["n_desc"] for note in section.iter_notes() if note["n_type"] == "NT_GNU_BUILD_ID")
    return str(next(ids, "")) or None
