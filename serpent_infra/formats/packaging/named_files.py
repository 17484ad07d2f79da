"""What a path in itself provides: programs and CMake packages (stone-spec 5.4, 2 and 6)."""

from serpent_infra.formats.dependency import Capability, Kind

_PROGRAMS = {"/usr/bin/": Kind.BINARY, "/usr/sbin/": Kind.SYSBINARY}
_CMAKE_SUFFIXES = ("Config.cmake", "-config.cmake")


def program_provides(path: str) -> Capability | None:
    """Says which program an absolute path is, at any depth, links included; None where it is none."""
    for directory, kind in _PROGRAMS.items():
        if path.startswith(directory):
            return Capability(kind, path.rpartition("/")[2])
    return None


def cmake_provides(path: str) -> Capability | None:
    """Says which CMake package a file configures, None where it is no such file."""
    name = path.rpartition("/")[2]
    if name.endswith("-Config.cmake"):
        return None
    for suffix in _CMAKE_SUFFIXES:
        if name.endswith(suffix) and name != suffix:
            return Capability(Kind.CMAKE, name.removesuffix(suffix))
    return None
