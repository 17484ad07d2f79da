"""Opens a fetched stone and holds it against the order: it is what it says, and says what was asked for."""

from dataclasses import fields
from pathlib import Path

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.stone.meta import Meta
from serpent_infra.formats.stone.package import verify_package
from serpent_infra.wire.names import is_file_name
from vessel.orders import Expected

LONGEST_NAME = 200  # leaves room for version, release and architecture in a file name

# what an order expects → what the stone's metadata calls it
_EXPECTATIONS = {
    "source_name": "source_id",
    "version": "version",
    "release": "release",
    "build_release": "build_release",
    "architecture": "architecture",
}


class StoneRefused(Exception):
    """The file is no sound stone, or not the one that was ordered; the text names file and field."""


def verify_stone(path: Path, *, expected: Expected) -> Meta:
    """Checks every checksum and digest of a stone, and its metadata against the order; gives the metadata.

    Raises `StoneRefused`.
    """
    try:
        meta = verify_package(path).meta
    except FormatError as error:
        place = "" if error.offset is None else f" at byte {error.offset:,}"
        raise StoneRefused(f"{path.name}{place}: {error.reason}") from error
    for wanted, field in _EXPECTATIONS.items():
        want, found = getattr(expected, wanted), getattr(meta, field)
        if want != found:
            raise StoneRefused(f"{path.name}: {wanted.replace('_', ' ')} is {found!r}, {want!r} was ordered")
    if not is_file_name(meta.name) or len(meta.name) > LONGEST_NAME:
        raise StoneRefused(f"{path.name}: {meta.name!r} is no name for a package")
    if meta.name not in expected.package_names:
        raise StoneRefused(f"{path.name}: {expected.source_name} has no package {meta.name!r}, so none was ordered")
    if meta.file_name != path.name:
        raise StoneRefused(f"{path.name}: its metadata would name it {meta.file_name!r}")
    return meta


assert {field.name for field in fields(Expected)} == {*_EXPECTATIONS, "package_names", "trusted"}  # noqa: S101 - nothing goes unchecked
