"""The root that a build sees: a skeleton of few directories, with `/usr` made of the dependencies over the base image.

Only `/usr` has layers. What the rest of a root needs is small and made afresh for each build: the links of a merged
`/usr`, the base's linker and alternatives configuration, two users, and the directories of the build itself.
"""

import shutil
from pathlib import Path

from avalanche.agent.sandbox.protocol import Bind, BuildRoot

_DIRECTORIES = ("dev", "etc", "mnt", "opt", "proc", "root", "run", "srv", "sys", "tmp", "usr", "var/tmp", "var/cache")
_MASON = ("build", "install", "sourcedir", "recipe", "artefacts")
# Of the base's /etc: what finds its libraries and its `cc`; the last three only matter to a build with a network.
_CONFIGURATION = ("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d")
_NETWORK = ("resolv.conf", "ssl", "ca-certificates", "protocols", "services")
_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_USERS = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
_GROUP = "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"
_HOSTS = "127.0.0.1 localhost build\n::1 localhost build\n"
_NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\n"


class BaseImageUnusable(Exception):
    """The base image has no merged `/usr`, or is not there."""


def assemble(directory: Path, *, base: Path, dependencies: Path | None, has_network: bool) -> BuildRoot:
    """Makes the skeleton in the empty or missing `directory` and names the layers of its `/usr`.

    `base` is the root directory of the base image, `dependencies` the `usr` directory of the unpacked build
    dependencies. Raises `BaseImageUnusable`.
    """
    if not (base / "usr" / "bin").is_dir() or not (base / "bin").is_symlink():
        raise BaseImageUnusable(f"the base image {base} has no /usr that /bin leads into")
    root = directory / "root"
    for name in (*_DIRECTORIES, *(f"mason/{part}" for part in _MASON)):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("tmp", "var/tmp"):
        (root / name).chmod(0o1777)
    for name in _LINKS:
        if (base / name).is_symlink():
            (root / name).symlink_to((base / name).readlink())
    _configure(root / "etc", base / "etc", has_network=has_network)
    upper, scratch = directory / "upper", directory / "scratch"
    for path in (upper, scratch, directory / "empty"):
        path.mkdir(parents=True, exist_ok=True)
    upper.chmod(0o755)
    lower = ([dependencies] if dependencies else []) + [base / "usr"]
    return BuildRoot(directory=root, lower=tuple(lower), upper=upper, scratch=scratch, channel=directory / "channel")


def standing_binds(directory: Path, *, base: Path, recipe: Path) -> tuple[Bind, ...]:
    """Gives what every command of a build sees besides: its recipe, read-only, and an empty `/usr/local`.

    What an administrator put under the base's `/usr/local` is no part of the image that packages are built against.
    """
    binds = [Bind(source=recipe, target="/mason/recipe")]
    if (base / "usr" / "local").is_dir():
        binds.append(Bind(source=directory / "empty", target="/usr/local"))
    return tuple(binds)


def _configure(etc: Path, base: Path, *, has_network: bool) -> None:
    for name in _CONFIGURATION + (_NETWORK if has_network else ()):
        source = base / name
        if source.is_dir():
            shutil.copytree(source, etc / name, symlinks=name == "alternatives", ignore=_unreadable, dirs_exist_ok=True)
        elif source.exists():
            shutil.copyfile(source, etc / name)
    (etc / "passwd").write_text(_USERS)
    (etc / "group").write_text(_GROUP)
    (etc / "hosts").write_text(_HOSTS)
    (etc / "nsswitch.conf").write_text(_NSSWITCH)


def _unreadable(directory: str, names: list[str]) -> set[str]:
    """Leaves out private keys, and links that lead nowhere."""
    return {name for name in names if name == "private" or not (Path(directory) / name).exists()}
