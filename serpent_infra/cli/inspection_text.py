"""Prints a container for people."""

import stat
from collections.abc import Iterable

from rich.console import Console

from serpent_infra.cli.inspection import Inspection, name_of
from serpent_infra.cli.output import console, visible
from serpent_infra.formats.stone.header import FileType
from serpent_infra.formats.stone.layout import LayoutEntry
from serpent_infra.formats.stone.meta import Meta
from serpent_infra.formats.stone.payload import PayloadKind

_WIDTH = 14


def print_inspection(found: Inspection) -> None:
    """Prints headers and metadata, and for a package its paths."""
    out = console()
    verdict = ", every checksum is right" if found.is_checked else ""
    out.print(f"{visible(str(found.path))}: {found.file_type}, {len(found.payloads):,} payloads{verdict}", style="bold")
    if found.header.file_type != FileType.BINARY and not found.is_checked:
        for meta in found.metas:
            out.print(f"  {visible(f'{meta.name} {meta.version}-{meta.release} {meta.architecture}')}")
        return
    if found.package is None:
        return
    for head in found.payloads:
        _line(
            out,
            name_of(PayloadKind, head.kind),
            f"{head.records:,} records, {head.stored_size:,} bytes stored, {head.plain_size:,} plain",
        )
    _print_meta(out, found.package.meta)
    for entry in found.package.layout:
        out.print(f"  {visible(_path(entry))}")


def _print_meta(out: Console, meta: Meta) -> None:
    for label, text in (
        ("Name", meta.name),
        ("Version", f"{meta.version}-{meta.release}, build {meta.build_release}"),
        ("Architecture", meta.architecture),
        ("Source", meta.source_id),
        ("Homepage", meta.homepage),
        ("Summary", meta.summary),
        ("Description", " ".join(meta.description.split())),
    ):
        _line(out, label, text)
    _lines(out, "Licences", meta.licenses)
    _lines(out, "Depends", map(str, sorted(meta.depends)))
    _lines(out, "Provides", map(str, sorted(meta.providers)))
    _lines(out, "Conflicts", map(str, sorted(meta.conflicts)))


def _line(out: Console, label: str, text: str) -> None:
    out.print(f"  {label:<{_WIDTH}}{visible(text)}")


def _lines(out: Console, label: str, texts: Iterable[str]) -> None:
    for number, text in enumerate(texts):
        _line(out, "" if number else label, text)


def _path(entry: LayoutEntry) -> str:
    arrow = f" -> {entry.link}" if entry.link else ""
    return f"{stat.filemode(entry.mode)} /usr/{entry.target}{arrow}"
