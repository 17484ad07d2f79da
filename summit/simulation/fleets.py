"""Reads the description of a fleet: builders with their slots, in YAML or TOML."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
import yaml

from summit.scheduler import Slot

_LIMIT = 2**20  # bytes


class BadFleet(Exception):
    """The description cannot be used; the message says where and why."""


class BuilderLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One builder of the file; memory is bytes for each slot, disk bytes for all of them, each 0 for no limit."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=63)]
    slots: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 1
    architecture: Annotated[str, msgspec.Meta(min_length=1, max_length=32)] = "x86_64"
    isa_levels: tuple[str, ...] = ()
    tier: str = "official"
    memory: Annotated[int, msgspec.Meta(ge=0)] = 0
    disk: Annotated[int, msgspec.Meta(ge=0)] = 0


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    builders: Annotated[tuple[BuilderLine, ...], msgspec.Meta(min_length=1, max_length=10_000)]


def uniform(count: int, *, architecture: str) -> list[Slot]:
    """Gives one official builder with so many equal slots."""
    return _slots(BuilderLine(name="builder", slots=count, architecture=architecture))


def read_fleet(path: Path) -> list[Slot]:
    """Reads `builders`, a list; the file's name ends in `.toml`, `.yaml` or `.yml`. Raises `BadFleet`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadFleet(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > _LIMIT:
        raise BadFleet(f"{path} has {len(data):,} bytes; the limit is {_LIMIT:,}")
    try:
        found = msgspec.convert(_parse(path, data), _File)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadFleet(f"{path}: {error}") from error
    names = [line.name for line in found.builders]
    for line in found.builders:
        if names.count(line.name) > 1:
            raise BadFleet(f"{path}: two builders are named {line.name}")
        if line.tier not in {"official", "test"}:
            raise BadFleet(f"{path}: the tier of {line.name} is {line.tier!r}; it is official or test")
    return [slot for line in found.builders for slot in _slots(line)]


def _parse(path: Path, data: bytes) -> Mapping[str, object]:
    if path.suffix == ".toml":
        return tomllib.loads(data.decode())
    if path.suffix not in {".yaml", ".yml"}:
        raise BadFleet(f"{path}: a fleet is described in a .toml, .yaml or .yml file")
    # The pure loader: the one in C lets the process crash on deep nesting.
    parsed = yaml.load(data, Loader=yaml.SafeLoader)
    if not isinstance(parsed, dict):
        raise BadFleet(f"{path}: a list `builders` is expected")
    return parsed


def _slots(line: BuilderLine) -> list[Slot]:
    return [
        Slot(
            builder=line.name,
            index=index,
            architecture=line.architecture,
            isa_levels=frozenset(line.isa_levels),
            is_official=line.tier == "official",
            memory_limit=line.memory,
            disk_free=line.disk or None,
        )
        for index in range(line.slots)
    ]
