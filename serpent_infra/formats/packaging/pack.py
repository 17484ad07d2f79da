"""The entry: an install tree and its recipe become stones and manifests (stone-spec 5.5, 3)."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.manifest import encode_manifest
from serpent_infra.formats.manifest_report import ManifestReport, PackageReport, encode_report
from serpent_infra.formats.packaging.analysis import Site
from serpent_infra.formats.packaging.buckets import Bucket, fill_buckets
from serpent_infra.formats.packaging.errors import PackagingError
from serpent_infra.formats.packaging.table import package_table
from serpent_infra.formats.packaging.tools import Tools
from serpent_infra.formats.packaging.tree import USR, enumerate_tree
from serpent_infra.formats.recipe import Recipe
from serpent_infra.formats.stone.meta import Meta
from serpent_infra.formats.stone.writer import write_package

DEBUG_SUFFIX = "-dbginfo"
_CHUNK = 2**20
_MAX_FILE_NAME = 240  # bytes; file systems hold 255, and a file being written has a longer name


class PackedKind(StrEnum):
    """What a written file is."""

    PACKAGE = "package"
    BINARY_MANIFEST = "binary-manifest"
    JSON_MANIFEST = "json-manifest"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedFile:
    """One written file: `size` in bytes, `sha256` in lower-case hex, `package` "" for manifests."""

    kind: PackedKind
    path: Path
    size: int
    sha256: str
    package: str = ""


def pack(
    *,
    recipe: Recipe,
    install_root: Path,
    output_dir: Path,
    architecture: str,
    build_release: int = 1,
    tools: Tools | None = None,
    strict: bool = True,
) -> list[PackedFile]:
    """Writes the packages of an install tree and both manifests into `output_dir`, packages by name.

    Every file belongs to root in the packages, whoever owns it here. Changes the install tree: debug symbols move to
    `/usr/lib/debug`, programs are stripped. Where `strict`, an empty tree and a path outside `/usr` that is no empty
    directory raise `PackagingError`; else they are left out, as boulder does. Also raises `PackagingError` for what no
    package can hold, and `ScriptError` for an architecture without macros.
    """
    tools = tools or Tools()
    buckets = collect(recipe=recipe, install_root=install_root, architecture=architecture, tools=tools, strict=strict)
    written: list[PackedFile] = []
    metas: list[Meta] = []
    try:
        for bucket in buckets:
            meta = package_meta(recipe, bucket, architecture=architecture, build_release=build_release)
            if len(meta.file_name) > _MAX_FILE_NAME:
                raise PackagingError(f"the package's file name {meta.file_name} is over {_MAX_FILE_NAME} bytes long")
            metas.append(meta)
            tools.say(f"packing {meta.file_name}: {len(bucket.files)} paths")
            path = output_dir / meta.file_name
            write_package(path, meta, bucket.files)
            written.append(_packed(PackedKind.PACKAGE, path, package=meta.name))
        return [*written, *_write_manifests(recipe, buckets, metas, output_dir, architecture)]
    except FormatError as error:
        raise PackagingError(str(error)) from error


def collect(
    *, recipe: Recipe, install_root: Path, architecture: str, tools: Tools, strict: bool = True
) -> list[Bucket]:
    """Shares an install tree out among a recipe's packages without writing any; raises as `pack` does."""
    table = package_table(recipe, architecture)
    site = Site(install_root=install_root, architecture=architecture, options=recipe.options, tools=tools)
    paths = enumerate_tree(install_root, strict=strict)
    if strict and not any(found.is_packaged for found in paths):
        raise PackagingError("the install phase left nothing below /usr, so there is nothing to pack")
    return fill_buckets(site, table, paths)


def package_meta(recipe: Recipe, bucket: Bucket, *, architecture: str, build_release: int) -> Meta:
    """Says what a package's stone carries as metadata."""
    return Meta(
        name=bucket.plan.name,
        version=recipe.version,
        release=recipe.release,
        build_release=build_release,
        architecture=architecture,
        summary=bucket.plan.summary,
        description=bucket.plan.description,
        source_id=recipe.name,
        homepage=recipe.homepage,
        licenses=recipe.licences,
        depends=bucket.depends(),
        provides=bucket.provides(),
        conflicts=bucket.conflicts(),
    )


def _write_manifests(
    recipe: Recipe, buckets: Sequence[Bucket], metas: Iterable[Meta], output_dir: Path, architecture: str
) -> list[PackedFile]:
    binary = output_dir / f"manifest.{architecture}.bin"
    binary.write_bytes(encode_manifest(metas, build_depends=recipe.manifest_build_depends))
    report = ManifestReport(
        source_name=recipe.name,
        source_version=recipe.version,
        source_release=recipe.release,
        packages=tuple(_report(recipe, bucket) for bucket in buckets if not bucket.plan.name.endswith(DEBUG_SUFFIX)),
    )
    json = output_dir / f"manifest.{architecture}.jsonc"
    json.write_bytes(encode_report(report).encode())
    return [_packed(PackedKind.BINARY_MANIFEST, binary), _packed(PackedKind.JSON_MANIFEST, json)]


def _report(recipe: Recipe, bucket: Bucket) -> PackageReport:
    return PackageReport(
        name=bucket.plan.name,
        build_depends=recipe.manifest_build_depends,
        depends=bucket.reported_depends(),
        files=tuple(USR + one.entry.target for one in bucket.files),
        provides=tuple(sorted((capability.text for capability in bucket.provides()), key=str.encode)),
    )


def _packed(kind: PackedKind, path: Path, *, package: str = "") -> PackedFile:
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            hasher.update(chunk)
    return PackedFile(kind=kind, path=path, size=path.stat().st_size, sha256=hasher.hexdigest(), package=package)
