"""The house's own rules, held on every file of the tree."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LONGEST_FILE = 400  # lines
LONGEST_DOOR = 150
PACKAGES = ("serpent_infra", "summit", "avalanche", "vessel")


def tracked(*patterns: str) -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", *patterns],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return [path for name in listing.split("\0") if name and (path := ROOT / name).is_file()]


def product_modules() -> list[Path]:
    return [
        path
        for path in tracked("*.py")
        if path.relative_to(ROOT).parts[0] in PACKAGES and "migrations" not in path.parts
    ]


def test_there_are_files_to_check() -> None:
    assert len(product_modules()) > 50


def test_no_file_climbs_the_wall() -> None:
    sources = [path for path in tracked("*.py", "*.css", "*.js", "*.html") if "migrations" not in path.parts]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


@pytest.mark.parametrize("app", ["avalanche", "vessel"])
def test_doors_stay_narrow(app: str) -> None:
    assert len((ROOT / app / "interfaces.py").read_text().splitlines()) <= LONGEST_DOOR


def test_every_module_says_its_job() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in product_modules()
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_module_names_say_something() -> None:
    vague = {"utils", "helpers", "common", "services", "misc"}
    assert [str(path) for path in product_modules() if path.stem in vague or vague & set(path.parts)] == []


def test_every_setting_is_documented() -> None:
    settings = "".join(path.read_text() for path in tracked("serpent_infra/settings/*.py"))
    read = set(re.findall(r"env\.\w+\(\s*\"(SERPENT_\w+)\"", settings))
    documented = set(
        re.findall(r"^\| `(SERPENT_\w+)`", (ROOT / "docs/reference/settings.md").read_text(), re.MULTILINE)
    )
    assert read
    assert read == documented


def test_nothing_else_reads_the_environment() -> None:
    readers = [
        str(path.relative_to(ROOT))
        for path in product_modules()
        if "settings" not in path.parts and re.search(r"environ(\.get\(|\[)[\"']SERPENT_", path.read_text())
    ]
    assert readers == []
