"""Reads the bells that a transaction would ring."""

from collections.abc import Callable, Iterable
from typing import Any


def bells_of(callbacks: Iterable[Callable[[], Any]]) -> list[tuple[Any, ...]]:
    """Gives task and id of every bell, or prefix, queue and id where it is a slot's."""
    found: list[tuple[Any, ...]] = []
    for callback in callbacks:
        task, ids, prefix, options = callback.args  # type: ignore[attr-defined] # on_commit was given a partial
        (only,) = ids.values()
        found.append((prefix, options["queue"], only) if prefix else (task, only))
    return found
