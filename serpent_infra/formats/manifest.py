"""Build manifests, what a build of a recipe promises: the binary form (stone-spec 3.1)."""

from collections.abc import Iterable
from dataclasses import replace

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.stone.header import FileType
from serpent_infra.formats.stone.meta import Meta
from serpent_infra.formats.stone.reader import Source, name_of, read_metas
from serpent_infra.formats.stone.writer import encode_metas

DEBUG_SUFFIX = "-dbginfo"


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
    """Reads the packages of a manifest, in its order; strict reading wants at least one, and each name once.

    Raises `FormatError`.
    """
    metas = read_metas(source, FileType.MANIFEST, strict=strict, path=path)
    if strict and not metas:
        raise FormatError("a manifest of no packages", path=path or name_of(source))
    if strict and len({meta.name for meta in metas}) < len(metas):
        raise FormatError("a manifest that names a package twice", path=path or name_of(source))
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
