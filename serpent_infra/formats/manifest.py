"""Build manifests, what a build of a recipe promises: the binary form (stone-spec 3.1) and its comparison (3.3)."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.stone.header import FileType
from serpent_infra.formats.stone.meta import Meta
from serpent_infra.formats.stone.reader import Source, name_of, read_metas
from serpent_infra.formats.stone.writer import encode_metas

DEBUG_SUFFIX = "-dbginfo"

_NOT_COMPARED = {"uri", "hash", "size", "unknown"}
_COMPARED_FIELDS = tuple(one.name for one in fields(Meta) if one.name not in _NOT_COMPARED)


@dataclass(frozen=True, slots=True)
class Difference:
    """What two manifests disagree about: one field of one package, or with field "" the package's presence.

    Sets and lists are given as tuples of texts, in their order in the file.
    """

    package: str
    field: str
    expected: object
    actual: object


def file_name(architecture: str) -> str:
    """Gives the manifest's name beside its recipe, `manifest.<architecture>.bin`."""
    return f"manifest.{architecture}.bin"


def encode_manifest(packages: Iterable[Meta], *, build_depends: Iterable[str] | None = None) -> bytes:
    """Gives the file of a build's packages, in any order.

    Packages named `*-dbginfo` are left out, the rest sorted by name, build releases become 0 and the index's fields
    vanish. `build_depends`, the recipe's root-level builddeps and checkdeps as written, replace those of the packages.
    Raises `FormatError` for what the format cannot hold.
    """
    needs = None if build_depends is None else build_dependencies(build_depends)
    metas = [
        replace(
            meta,
            build_release=0,
            build_depends=meta.build_depends if needs is None else needs,
            uri=None,
            hash=None,
            size=None,
        )
        for meta in packages
        if not meta.name.endswith(DEBUG_SUFFIX)
    ]
    return encode_metas(FileType.MANIFEST, sorted(metas, key=lambda meta: meta.name))


def decode_manifest(source: Source, *, strict: bool = True, path: str = "") -> tuple[Meta, ...]:
    """Reads the packages of a manifest, in its order; strict reading wants at least one. Raises `FormatError`."""
    metas = read_metas(source, FileType.MANIFEST, strict=strict, path=path)
    if strict and not metas:
        raise FormatError("a manifest of no packages", path=path or name_of(source))
    return metas


def build_dependencies(texts: Iterable[str]) -> tuple[Capability, ...]:
    """Puts a recipe's dependency strings in a manifest's order: sorted as written, each once.

    Strings that do not parse are left out, as boulder does.
    """
    parsed: list[Capability] = []
    for text in sorted(set(texts)):
        try:
            parsed.append(Capability.parse(text))
        except FormatError:
            continue
    return tuple(parsed)


def compare(expected: Iterable[Meta], actual: Iterable[Meta]) -> list[Difference]:
    """Lists what a build made other than its committed manifest promised, by package name and field.

    Both are the packages of manifests: build releases are 0 and debug packages left out.
    """
    promised = {meta.name: meta for meta in expected}
    made = {meta.name: meta for meta in actual}
    differences: list[Difference] = []
    for name in sorted(promised.keys() | made.keys()):
        if name not in made or name not in promised:
            differences.append(Difference(name, "", name in promised, name in made))
            continue
        for field in _COMPARED_FIELDS:
            left, right = _plain(getattr(promised[name], field)), _plain(getattr(made[name], field))
            if left != right:
                differences.append(Difference(name, field, left, right))
    return differences


def _plain(value: object) -> object:
    """Gives a field's value for reading and comparing: sets and lists of capabilities as their texts."""
    if isinstance(value, frozenset):
        return tuple(sorted(str(one) for one in value))
    if isinstance(value, tuple):
        return tuple(str(one) for one in value)
    return value
