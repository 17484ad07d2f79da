"""What an ELF file depends on and provides, from its facts and its place (stone-spec 5.4, 3)."""

import posixpath
from collections.abc import Callable, Iterator

from serpent_infra.formats.dependency import Capability, Kind
from serpent_infra.formats.packaging.elf import ElfFacts

_ORIGIN = ("$ORIGIN", "${ORIGIN}")


def elf_depends(facts: ElfFacts, path: str, is_installed: Callable[[str], bool]) -> Iterator[Capability]:
    """Says what the file at an absolute path needs; `is_installed` answers for absolute paths.

    A library that is found in the file's own directory or in one that it searches is named by its place, any other
    by its bare name.
    """
    directories = [posixpath.dirname(path), *_search_directories(facts, path)]
    for name in facts.needed if facts.has_symbols else ():
        # Joined as text: a name that is a whole path is not looked up, and stays as it is.
        found = (f"{directory.rstrip('/')}/{name}" for directory in directories)
        at = next((candidate for candidate in found if is_installed(candidate)), None)
        yield Capability(Kind.SONAME, f"{_below_library_directory(at) if at else name}({facts.isa})")
    if facts.interpreter:
        yield Capability(Kind.INTERPRETER, f"{facts.interpreter}({facts.isa})")


def elf_provides(facts: ElfFacts, path: str) -> Iterator[Capability]:
    """Says what the file at an absolute path offers: its soname, and the interpreter's names where it is one."""
    directory, name = posixpath.split(path)
    if ".so" not in name or not facts.has_symbols:
        return
    soname = facts.soname or name
    target = _below_library_directory(f"{directory}/{soname}")
    yield Capability(Kind.SONAME, f"{target}({facts.isa})")
    if soname.startswith("ld-") and path.startswith("/usr/lib"):
        for place in _interpreter_paths(facts, path, soname):
            yield Capability(Kind.INTERPRETER, f"{place}({facts.isa})")
            yield Capability(Kind.SONAME, f"{place}({facts.isa})")


def _search_directories(facts: ElfFacts, path: str) -> Iterator[str]:
    """Lists the absolute directories that the file names; relative ones depend on where it is started."""
    own = posixpath.dirname(path)
    for entry in (entry for text in facts.search for entry in text.split(":")):
        directory = entry
        for word in _ORIGIN:
            directory = directory.replace(word, own)
        if directory.startswith("/"):
            yield "/" + posixpath.normpath(directory).lstrip("/")


def _below_library_directory(path: str) -> str:
    """Takes the first two components away: `/usr/lib/foo/libx.so` is `foo/libx.so`."""
    parts = path.split("/")
    return "/".join(parts[3:]) if len(parts) > 3 else parts[-1]  # noqa: PLR2004 - "", "usr", "lib", then the rest


def _interpreter_paths(facts: ElfFacts, path: str, soname: str) -> tuple[str, ...]:
    if facts.bits == 64:  # noqa: PLR2004 - the class of an ELF file is 32 or 64
        return (f"/usr/lib64/{soname}", f"/lib64/{soname}", f"/lib/{soname}", path)
    return (f"/usr/lib/{soname}", f"/lib32/{soname}", f"/lib/{soname}", path)
