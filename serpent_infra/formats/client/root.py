"""The repositories that a client's root directory configures (stone-spec 2.5)."""

from collections.abc import Iterator
from pathlib import Path

from serpent_infra.formats.client.files import (
    encode_repositories,
    parse_kdl_repositories,
    parse_yaml_repositories,
    repositories_of,
)
from serpent_infra.formats.client.repository import Repository
from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.kdl import MAX_SIZE, parse_kdl

VENDOR = Path("usr/share/moss")
ADMINISTRATOR = Path("etc/moss")
SYSTEM_MODEL = ADMINISTRATOR / "system-model.kdl"

_SUFFIXES = (".yaml", ".kdl")


def read_repositories(root: Path) -> dict[str, Repository]:
    """Reads all repositories below `root`, id to repository, in the order met.

    Read are `usr/share/moss/repo.{yaml,kdl}`, `repo.d/*` beside it in the order of their names, then the same below
    `etc/moss`; what is read later takes the place of an equal id. A `.kdl` file hides the `.yaml` file of its stem.
    Where `etc/moss/system-model.kdl` is there, its repositories alone count. Raises `FormatError` with the place, and
    `OSError` where a file cannot be read.
    """
    model = root / SYSTEM_MODEL
    if model.is_file():
        return {one.id: one for one in _of_system_model(model)}
    found: dict[str, Repository] = {}
    for folder in (root / VENDOR, root / ADMINISTRATOR):
        for path in _files(folder):
            parse = parse_kdl_repositories if path.suffix == ".kdl" else parse_yaml_repositories
            for one in parse(_read(path), path=str(path)):
                found[one.id] = one
    return found


def _files(folder: Path) -> Iterator[Path]:
    """Gives the files that count, the folder's own first."""
    yield from _unhidden([folder / f"repo{suffix}" for suffix in _SUFFIXES])
    drop_in = folder / "repo.d"
    if drop_in.is_dir():
        yield from _unhidden(sorted(path for path in drop_in.iterdir() if path.suffix in _SUFFIXES))


def _unhidden(paths: list[Path]) -> Iterator[Path]:
    there = [path for path in paths if path.is_file()]
    return (path for path in there if path.suffix == ".kdl" or path.with_suffix(".kdl") not in there)


def _of_system_model(path: Path) -> list[Repository]:
    """Reads the repositories of a system model: the children of its one node `repositories`, none where it has none."""
    nodes = [node for node in parse_kdl(_read(path), path=str(path)) if node.name == "repositories"]
    if len(nodes) > 1:
        raise FormatError("repositories are given twice", path=str(path), line=nodes[1].line, column=nodes[1].column)
    return repositories_of(nodes[0].children, path=str(path), is_described=False) if nodes else []


def _read(path: Path) -> bytes:
    """Reads one byte more than any file may have, which the parsers then refuse."""
    with path.open("rb") as file:
        return file.read(MAX_SIZE + 1)


def save_repository(root: Path, repository: Repository) -> Path:
    """Writes `etc/moss/repo.d/<id>.kdl` below `root`, directories made where missing; gives its path.

    The file appears only when complete. Raises `FormatError` for text that no file can hold, `OSError` where the disk
    fails.
    """
    content = encode_repositories([repository])
    path = root / ADMINISTRATOR / "repo.d" / f"{repository.id}.kdl"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path
