"""Looks into one container, and gives what is found as a document for JSON."""

from dataclasses import dataclass
from pathlib import Path

from serpent_infra.cli.machine import regular
from serpent_infra.formats.index import read_index
from serpent_infra.formats.manifest import decode_manifest
from serpent_infra.formats.stone.header import FileType, Header
from serpent_infra.formats.stone.layout import EntryKind, LayoutEntry
from serpent_infra.formats.stone.limits import INDEX_LIMITS
from serpent_infra.formats.stone.meta import Meta
from serpent_infra.formats.stone.package import Package, read_package, verify_package
from serpent_infra.formats.stone.payload import Compression, PayloadHeader, PayloadKind
from serpent_infra.formats.stone.reader import MetaPayload, open_stone


@dataclass(frozen=True, slots=True)
class Inspection:
    """One container: its headers and its packages; `package` is what a binary package holds besides its metadata."""

    path: Path
    header: Header
    payloads: tuple[PayloadHeader, ...]
    metas: tuple[Meta, ...]
    package: Package | None
    is_checked: bool

    @property
    def file_type(self) -> str:
        """The name of the file type, `unknown` where it has none."""
        return name_of(FileType, self.header.file_type)


def name_of(names: type[FileType | PayloadKind | Compression], value: int) -> str:
    """Gives the lower-case name of a value of the container, `unknown` where it has none."""
    return next((one.name.lower() for one in names if one == value), "unknown")


def inspect_file(path: Path, *, strict: bool, check: bool) -> Inspection:
    """Reads a container; with `check` also the content of a package, and what indexes and manifests must hold.

    Raises `FormatError`, and `OSError` where the path cannot be read or is no regular file.
    """
    regular(path)
    with open_stone(path, strict=strict, limits=INDEX_LIMITS) as stone:
        header = stone.header
        payloads = list(stone)
    metas = tuple(one.meta for one in payloads if isinstance(one, MetaPayload))
    package = None
    if header.file_type == FileType.BINARY:
        package = (verify_package if check else read_package)(path, strict=strict)
    elif check and header.file_type == FileType.REPOSITORY:
        read_index(path, strict=strict)
    elif check and header.file_type == FileType.MANIFEST:
        decode_manifest(path, strict=strict)
    return Inspection(path, header, tuple(one.header for one in payloads), metas, package, check)


def inspection_document(found: Inspection) -> dict[str, object]:
    """Gives a container as JSON has it; keys are always the same for each file type."""
    document: dict[str, object] = {
        "path": str(found.path),
        "file_type": found.file_type,
        "is_checked": found.is_checked,
        "payloads": [_payload_document(one) for one in found.payloads],
        "packages": [meta_document(one) for one in found.metas],
    }
    if found.package is not None:
        document["layout"] = [_entry_document(one) for one in found.package.layout]
        document["content"] = {"size": found.package.content_size, "files": len(found.package.ranges)}
        document["attributes"] = [{"key": key.hex(), "value": value.hex()} for key, value in found.package.attributes]
    return document


def _payload_document(head: PayloadHeader) -> dict[str, object]:
    return {
        "kind": name_of(PayloadKind, head.kind),
        "compression": name_of(Compression, head.compression),
        "stored_size": head.stored_size,
        "plain_size": head.plain_size,
        "records": head.records,
        "checksum": f"{head.checksum:016x}",
    }


def meta_document(meta: Meta) -> dict[str, object]:
    """Gives a package's metadata; sets are sorted by their text, and null stands where an index alone has a value."""
    return {
        "name": meta.name,
        "version": meta.version,
        "release": meta.release,
        "build_release": meta.build_release,
        "architecture": meta.architecture,
        "summary": meta.summary,
        "description": meta.description,
        "source_id": meta.source_id,
        "homepage": meta.homepage,
        "licenses": list(meta.licenses),
        "depends": [one.text for one in sorted(meta.depends)],
        "provides": [one.text for one in sorted(meta.providers)],
        "conflicts": [one.text for one in sorted(meta.conflicts)],
        "build_depends": [one.text for one in meta.build_depends],
        "uri": meta.uri,
        "hash": meta.hash,
        "size": meta.size,
        "unknown": [{"tag": one.tag, "primitive": one.primitive, "value": one.value.hex()} for one in meta.unknown],
    }


def _entry_document(entry: LayoutEntry) -> dict[str, object]:
    return {
        "path": f"/usr/{entry.target}",
        "kind": entry.kind.name.lower(),
        "mode": f"{entry.mode:o}",
        "uid": entry.uid,
        "gid": entry.gid,
        "digest": entry.digest.hex() if entry.kind == EntryKind.REGULAR else None,
        "link": entry.link if entry.kind == EntryKind.SYMLINK else None,
    }
