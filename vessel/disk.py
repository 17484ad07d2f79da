"""Durable writes: what has been written, renamed or linked here survives a crash, whole or not at all."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

FILE_MODE = 0o644


def temporary_name(path: Path) -> Path:
    """Names a hidden file beside `path` that nobody else uses."""
    return path.with_name(f".{path.name[:100]}.{uuid4().hex}")


def sync_directory(directory: Path) -> None:
    """Makes the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(directory: Path) -> None:
    """Makes a directory and its parents, durably."""
    missing = []
    while not directory.exists():
        missing.append(directory)
        directory = directory.parent
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        sync_directory(path.parent)


def write_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Lets `write` fill a new file that appears under its name only when its bytes are on disk."""
    fresh = temporary_name(path)
    try:
        with fresh.open("xb") as output:
            write(output)
            output.flush()
            os.fchmod(output.fileno(), FILE_MODE)
            os.fsync(output.fileno())
        fresh.rename(path)
    finally:
        fresh.unlink(missing_ok=True)
    sync_directory(path.parent)


def switch_symlink(path: Path, target: str) -> None:
    """Points a symlink elsewhere in one step: a reader finds the old target or the new one, never none."""
    fresh = temporary_name(path)
    try:
        fresh.symlink_to(target)
        fresh.rename(path)
    finally:
        fresh.unlink(missing_ok=True)
    sync_directory(path.parent)


def remove_tree(directory: Path) -> None:
    """Removes a directory that may not be there: out of sight in one step, then file by file."""
    hidden = temporary_name(directory)
    try:
        directory.rename(hidden)
    except FileNotFoundError:
        return
    shutil.rmtree(hidden)
