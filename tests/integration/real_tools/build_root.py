"""What the real boulder needs to build here: stand-ins for the packages of every build root, and our own macro files.

The stand-ins are stones by our own writer. Most hold metadata alone; one holds this machine's shell and a few programs
with their libraries, so that scripts run in boulder's container.
"""

import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from serpent_infra.formats import script
from serpent_infra.formats.dependency import Capability, Kind
from serpent_infra.formats.recipe import Recipe
from serpent_infra.formats.script.implied import implied_needs
from serpent_infra.formats.stone.scan import scan
from serpent_infra.formats.stone.writer import write_package
from tests.factories.vessel import make_meta

MACROS = Path(script.__file__).parent / "macros"
PROFILE = "test"
SHELL = "bash"
PROGRAMS = (SHELL, "cp", "install", "mkdir", "objcopy", "pkg-config", "strip")
# What boulder wants for people who look at a breakpoint, beside what a build needs.
FOR_PEOPLE = frozenset(f"binary({name})" for name in ("git", "hx", "less", "nano", "ps", "rg", "vim"))


@dataclass(frozen=True)
class Boulder:
    """Runs boulder on directories of the test's own."""

    home: Path

    @classmethod
    def prepare(cls, home: Path, needs: Iterable[str], shell: Path) -> Self:
        """Makes a repository that offers some dependencies, a profile that names it, and the directory of macros."""
        repository, profiles = home / "repository", home / "config/profile.d"
        for directory in (repository, profiles, home / "data"):
            directory.mkdir(parents=True)
        write_stand_ins(repository, needs)
        shutil.copy(shell, repository)
        subprocess.run(["moss", "index", repository], check=True, capture_output=True, timeout=120)
        (profiles / f"{PROFILE}.yaml").write_text(
            f'{PROFILE}:\n  repositories:\n    local:\n      description: "stand-ins"\n      priority: 0\n'
            f'      uri: "file://{repository}/stone.index"\n'
        )
        copy_macros(home / "data/macros")
        return cls(home)

    def build(self, recipe: Path, output: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
        """Builds a recipe into a directory that is made where missing, and gives what came of it."""
        output.mkdir(exist_ok=True)
        directories = {"cache-dir": "cache", "config-dir": "config", "data-dir": "data", "moss-root": "moss"}
        command = [
            "boulder",
            *(f"--{option}={self.home / name}" for option, name in directories.items()),
            *("build", "-p", PROFILE, "-o", str(output), *map(str, options), "--", str(recipe)),
        ]
        # A session of its own: boulder takes the terminal for its container.
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=240, start_new_session=True)


def copy_macros(target: Path) -> None:
    """Copies our macro files; what ours keep beside `base.yaml` boulder wants in it."""
    shutil.copytree(MACROS, target)
    base = target / "arch/base.yaml"
    parts = [base, *sorted((target / "arch/base").glob("*.yaml"))]
    base.write_text("\n".join(part.read_text() for part in parts))


def needs_of(recipe: Recipe) -> frozenset[str]:
    """Says what must be there for boulder to build a recipe, as far as we know."""
    return FOR_PEOPLE.union((one.text for one in implied_needs(recipe, "x86_64")), recipe.build_depends)


def write_stand_ins(directory: Path, needs: Iterable[str]) -> None:
    """Writes a stone of metadata alone for each dependency, but for the shell, which is real."""
    for text in sorted(set(needs) - {SHELL}):
        wanted = Capability.parse(text)
        is_name = wanted.kind is Kind.NAME
        name = wanted.target if is_name else re.sub(r"[^a-z0-9]+", "-", f"provides {text}").strip("-")
        _write(directory, name, [] if is_name else [wanted])


def write_shell(directory: Path) -> Path:
    """Writes the stone of the shell; programs that are not on this machine are left out."""
    paths = {f"bin/{name}": Path(found) for name in PROGRAMS if (found := shutil.which(name))}
    files = {**paths, **{target: path for program in paths.values() for target, path in _libraries(program)}}
    return _write(directory, SHELL, [], files)


def _write(directory: Path, name: str, provides: Iterable[Capability], files: Mapping[str, Path] | None = None) -> Path:
    meta = make_meta(name, provides=frozenset(provides), depends=frozenset())
    found = [scan(path.resolve(), target) for target, path in sorted((files or {}).items())]
    write_package(directory / meta.file_name, meta, found)
    return directory / meta.file_name


def _libraries(program: Path) -> Iterable[tuple[str, Path]]:
    """Gives the target and the path of each library that a program loads, the loader among them."""
    said = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    for text in re.findall(r"(/\S+) \(0x", said):
        # In a root by moss /lib64 is a link to /usr/lib.
        target = f"lib/{Path(text).name}" if text.startswith("/lib64/") else text.removeprefix("/usr").lstrip("/")
        yield target, Path(text)
