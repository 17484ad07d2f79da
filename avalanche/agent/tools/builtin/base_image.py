"""What the base image provides where no index does: found by looking for the file that a capability stands for."""

import re
from collections.abc import Callable
from pathlib import Path

from serpent_infra.formats.dependency import Capability, Kind

# Packages that a Debian base holds under other names, by a file that shows them; any other name counts as provided by
# a program of that name.
_NAMES = {
    "alsa-lib-devel": "include/alsa/asoundlib.h",
    "binutils": "bin/ld",
    "boulder": "bin/cc",
    "clang": "bin/cc",
    "coreutils": "bin/ls",
    "diffutils": "bin/diff",
    "findutils": "bin/find",
    "gcc": "bin/gcc",
    "glibc": "bin/ldd",
    "glibc-devel": "include/features.h",
    "layout": "bin/ls",
    "libarchive": "bin/tar",
    "libtool": "bin/libtoolize",
    "linux-headers": "include/linux/version.h",
    "llvm": "bin/cc",
    "os-info": "lib/os-release",
    "pkgconf": "bin/pkg-config",
    "procps": "bin/ps",
    "python": "bin/python3",
    "ruby": "bin/ruby",
    "texinfo": "bin/makeinfo",
    "util-linux": "bin/mount",
    "xz": "bin/xz",
}
_ISA = re.compile(r"(?P<path>.+)\((?P<isa>[a-z0-9_]+)\)\Z")
_SAFE = re.compile(r"[A-Za-z0-9_+.:@/-]+\Z")


class BaseImage:
    """The capabilities of the base image whose root directory is `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._usr = root / "usr"
        lib = self._usr / "lib"
        self._libs = [*sorted(lib.glob("*-linux-gnu*")), lib, self._usr / "lib64"]
        self._looks: dict[Kind, Callable[[str], bool]] = {
            Kind.NAME: self._has_name,
            Kind.SONAME: self._has_library,
            Kind.PKGCONFIG: self._has_pkgconfig,
            Kind.INTERPRETER: self._has_interpreter,
            Kind.CMAKE: self._has_cmake,
            Kind.PYTHON: self._has_python,
            Kind.BINARY: lambda name: self._has(f"bin/{name}"),
            Kind.SYSBINARY: lambda name: self._has(f"sbin/{name}"),
        }

    def provides(self, capability: Capability) -> bool:
        """Says whether a capability is met by a file of the image."""
        look = self._looks.get(capability.kind)
        target = _ISA.sub(r"\g<path>", capability.target)
        return look is not None and ".." not in target and _SAFE.match(target) is not None and look(target)

    def _has_interpreter(self, path: str) -> bool:
        return path.startswith("/") and (self._root / path[1:]).exists()

    def _has_name(self, name: str) -> bool:
        return self._has(_NAMES.get(name, f"bin/{name}")) or self._has(f"sbin/{name}")

    def _has_library(self, name: str) -> bool:
        return any((lib / name).exists() for lib in self._libs)

    def _has_pkgconfig(self, name: str) -> bool:
        directories = [*(lib / "pkgconfig" for lib in self._libs), self._usr / "share" / "pkgconfig"]
        return any((directory / f"{name}.pc").exists() for directory in directories)

    def _has_python(self, name: str) -> bool:
        stem = re.sub(r"[-_.]+", "[-_.]", name)
        return any((self._usr / "lib/python3/dist-packages").glob(f"{stem}-*.*-info"))

    def _has(self, path: str) -> bool:
        return (self._usr / path).exists()

    def _has_cmake(self, name: str) -> bool:
        wanted = (f"{name}Config.cmake", f"{name.lower()}-config.cmake")
        roots = [*(lib / "cmake" for lib in self._libs), self._usr / "share", self._usr / "share" / "cmake"]
        return any(
            any(root.glob(f"*/{file}")) or any(root.glob(f"*/cmake/{file}")) for root in roots for file in wanted
        )
