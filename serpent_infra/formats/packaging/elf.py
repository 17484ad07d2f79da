"""What an ELF file needs and offers, read by pyelftools (stone-spec 5.4, 3)."""

import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection

from serpent_infra.formats.dependency import Capability, Kind

_MAGIC = b"\x7fELF"
_ORIGIN = ("$ORIGIN", "${ORIGIN}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ElfFacts:
    """The facts of one ELF file; `isa` is the machine as capabilities name it (`x86_64`, `386`, `aarch64`)."""

    isa: str
    bits: int
    needed: tuple[str, ...] = ()
    soname: str | None = None
    search: tuple[str, ...] = ()
    interpreter: str | None = None
    build_id: str | None = None


def read_elf(stream: BinaryIO) -> ElfFacts | None:
    """Reads an open file; None where it is no ELF file or a damaged one."""
    if stream.read(len(_MAGIC)) != _MAGIC:
        return None
    stream.seek(0)
    try:
        return _facts(ELFFile(stream))
    except Exception:  # noqa: BLE001 - pyelftools meets damaged files with whatever its structures raise
        return None


def _facts(elf: ELFFile) -> ElfFacts:
    tags: dict[str, list[str]] = {"DT_NEEDED": [], "DT_SONAME": [], "DT_RUNPATH": [], "DT_RPATH": []}
    interpreter = build_id = None
    has_symbols = False
    for section in elf.iter_sections():
        if isinstance(section, DynamicSection):
            _read_dynamic(section, tags)
        has_symbols = has_symbols or section["sh_type"] == "SHT_DYNSYM"
        if section.name == ".interp":
            interpreter = section.data().split(b"\0")[0].decode()
        if section.name == ".note.gnu.build-id" and isinstance(section, NoteSection):
            build_id = next(
                (note["n_desc"] for note in section.iter_notes() if note["n_type"] == "NT_GNU_BUILD_ID"), None
            )
    machine = str(elf["e_machine"])
    return ElfFacts(
        isa=machine.removeprefix("EM_").lower(),
        bits=elf.elfclass,
        needed=tuple(tags["DT_NEEDED"]) if has_symbols else (),
        soname=next(iter(tags["DT_SONAME"]), None),
        search=tuple(tags["DT_RUNPATH"] + tags["DT_RPATH"]),
        interpreter=interpreter or None,
        build_id=build_id or None,
    )


def _read_dynamic(section: DynamicSection, tags: dict[str, list[str]]) -> None:
    attributes = {"DT_NEEDED": "needed", "DT_SONAME": "soname", "DT_RUNPATH": "runpath", "DT_RPATH": "rpath"}
    for tag in section.iter_tags():
        kind = tag.entry.d_tag
        if kind in attributes:
            tags[kind].append(getattr(tag, attributes[kind]))


def elf_depends(facts: ElfFacts, path: str, is_installed: Callable[[str], bool]) -> Iterator[Capability]:
    """Says what the file at an absolute path needs; `is_installed` answers for absolute paths."""
    directories = [posixpath.dirname(path), *_search_directories(facts, path)]
    for name in facts.needed:
        found = (posixpath.join(directory, name) for directory in directories)
        at = next((candidate for candidate in found if is_installed(candidate)), None)
        yield Capability(Kind.SONAME, f"{_below_library_directory(at) if at else name}({facts.isa})")
    if facts.interpreter:
        yield Capability(Kind.INTERPRETER, f"{facts.interpreter}({facts.isa})")


def elf_provides(facts: ElfFacts, path: str) -> Iterator[Capability]:
    """Says what the file at an absolute path offers: its soname, and the interpreter's names where it is one."""
    directory, name = posixpath.split(path)
    if ".so" not in name:
        return
    soname = facts.soname or name
    target = _below_library_directory(f"{directory}/{soname}")
    yield Capability(Kind.SONAME, f"{target}({facts.isa})")
    if soname.startswith("ld-") and path.startswith("/usr/lib"):
        for place in _interpreter_paths(facts, path, soname):
            yield Capability(Kind.INTERPRETER, f"{place}({facts.isa})")
            yield Capability(Kind.SONAME, f"{place}({facts.isa})")


def _search_directories(facts: ElfFacts, path: str) -> Iterator[str]:
    own = posixpath.dirname(path)
    for entry in (entry for text in facts.search for entry in text.split(":")):
        directory = entry
        for word in _ORIGIN:
            directory = directory.replace(word, own)
        if directory.startswith("/"):
            yield posixpath.normpath(directory)


def _below_library_directory(path: str) -> str:
    """Takes the first two components away: `/usr/lib/foo/libx.so` is `foo/libx.so`."""
    parts = path.split("/")
    return "/".join(parts[3:]) if len(parts) > 3 else parts[-1]  # noqa: PLR2004 - "", "usr", "lib", then the rest


def _interpreter_paths(facts: ElfFacts, path: str, soname: str) -> tuple[str, ...]:
    if facts.bits == 64:  # noqa: PLR2004 - the class of an ELF file is 32 or 64
        return (f"/usr/lib64/{soname}", f"/lib64/{soname}", f"/lib/{soname}", path)
    return (f"/usr/lib/{soname}", f"/lib32/{soname}", f"/lib/{soname}", path)
