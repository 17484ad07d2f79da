"""The distribution's own tools, where they are on PATH; a test that needs one which is not there skips and says so."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_django import Settings

from serpent_infra.formats.packaging import PackedKind, pack
from serpent_infra.formats.recipe import Toolchain, parse_recipe
from tests.integration.real_tools.build_root import Boulder, needs_of, write_shell

GREET_DATA = Path(__file__).parents[3] / "examples/recipes/greet-data"


@dataclass(frozen=True)
class Moss:
    """Runs moss on a root of the test's own."""

    root: Path

    def run(self, *arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Runs a command and gives what came of it, whatever came."""
        command = ["moss", "-D", str(self.root), "-y", *map(str, arguments)]
        environment = {**os.environ, "MOSS_FSTREE_NATIVE_STRATEGY": "copy"}  # a link would widen modes
        return subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=120, cwd=cwd, env=environment
        )

    def __call__(self, *arguments: str | Path, cwd: Path | None = None) -> str:
        """Runs a command that must succeed and gives its output."""
        done = self.run(*arguments, cwd=cwd)
        assert done.returncode == 0, f"{done.args}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def listed(self, what: str) -> dict[str, str]:
        """Gives the names of the `available` or `installed` packages with version and release."""
        words = [line.split() for line in self("list", what).splitlines()]
        return {name: version for name, version, *_ in words}

    def inspect(self, paths: Sequence[Path]) -> None:
        """Lets moss check every checksum of some files."""
        assert paths
        self("inspect", "--check", *paths)


@pytest.fixture
def moss(tmp_path: Path) -> Moss:
    if shutil.which("moss") is None:
        pytest.skip("moss is not on PATH")
    (tmp_path / "root").mkdir()
    return Moss(tmp_path / "root")


@pytest.fixture(scope="session")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stone of what runs scripts in boulder's container."""
    for tool in ("moss", "boulder"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not on PATH")
    if os.geteuid() != 0:
        pytest.skip("boulder's container needs root here")
    return write_shell(tmp_path_factory.mktemp("shell"))


@pytest.fixture(scope="session")
def boulder(shell: Path, tmp_path_factory: pytest.TempPathFactory) -> Boulder:
    """boulder with what recipes of either toolchain need; its root is filled anew for every build."""
    text = (GREET_DATA / "stone.yaml").read_text()
    recipes = [parse_recipe(f"{text}\ntoolchain: {toolchain}\n".encode()) for toolchain in Toolchain]
    return Boulder.prepare(tmp_path_factory.mktemp("boulder"), frozenset().union(*map(needs_of, recipes)), shell)


@pytest.fixture
def ours(tmp_path: Path) -> list[Path]:
    """What our own packaging makes of an example recipe: the stone, then both manifests."""
    installed = tmp_path / "install/usr/share/greet"
    installed.mkdir(parents=True)
    for name in ("whom", "phrases.txt"):
        shutil.copyfile(GREET_DATA / "pkg" / name, installed / name)
        (installed / name).chmod(0o644)
    output = tmp_path / "packed"
    output.mkdir()
    files = pack(
        recipe=parse_recipe((GREET_DATA / "stone.yaml").read_bytes()),
        install_root=tmp_path / "install",
        output_dir=output,
        architecture="x86_64",
    )
    assert [file.kind for file in files] == list(PackedKind)
    return [file.path for file in files]


@pytest.fixture
def public_dir(settings: Settings, tmp_path: Path) -> Path:
    settings.SERPENT_PUBLIC_DIR = tmp_path / "public"
    settings.SERPENT_IMPORTS_DIR = tmp_path / "imports"
    settings.SERPENT_SECRETS_DIR = tmp_path / "secrets"
    return tmp_path / "public"
