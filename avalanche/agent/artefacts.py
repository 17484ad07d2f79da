"""The files that attempts leave on this builder, kept in `artefacts/<attempt>/` until the hub lets them go."""

import shutil
from pathlib import Path
from uuid import UUID

from serpent_infra.wire.names import is_file_name

DIRECTORY = "artefacts"


def directory_of(builder_dir: Path, attempt: UUID) -> Path:
    """Gives the directory that holds an attempt's artefacts, whether or not it exists."""
    return builder_dir / DIRECTORY / str(attempt)


def find(builder_dir: Path, attempt: UUID, name: str) -> Path | None:
    """Gives the path of an artefact, None where there is no regular file of that permitted name."""
    path = directory_of(builder_dir, attempt) / name
    if not is_file_name(name) or path.is_symlink() or not path.is_file():
        return None
    return path


def kept(builder_dir: Path) -> list[UUID]:
    """Lists the attempts that still have artefacts here."""
    found = []
    for path in (builder_dir / DIRECTORY).glob("*"):
        try:
            found.append(UUID(path.name))
        except ValueError:
            continue
    return sorted(found)


def drop(builder_dir: Path, attempt: UUID) -> None:
    """Deletes an attempt's artefacts; there may be none."""
    shutil.rmtree(directory_of(builder_dir, attempt), ignore_errors=True)
