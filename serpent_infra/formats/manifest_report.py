"""The readable report beside a manifest, `manifest.<arch>.jsonc` (stone-spec 3.2)."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.json_document import parse_json

COMMENT = "/** Human readable report. This is not consumed by boulder */"
VERSION = "0.2"

_RELEASE = re.compile("[0-9]{1,20}")
"""The digits of an unsigned 64-bit number."""

_LISTS = ("build-depends", "depends", "files", "provides")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageReport:
    """One package; lists are sorted and freed of doubles when written, and empty ones are left out.

    Attributes:
        build_depends: the recipe's strings, as written.
        depends: `kind(target)` of the analysis, and runtime dependencies as written.
        files: absolute paths of all layout records.
        provides: `kind(target)`, without the package's own name.
    """

    name: str
    build_depends: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestReport:
    """The whole report; packages are written sorted by name."""

    source_name: str
    source_version: str
    source_release: int
    packages: tuple[PackageReport, ...]


def file_name(architecture: str) -> str:
    """Gives the report's name beside its recipe, `manifest.<architecture>.jsonc`."""
    return f"manifest.{architecture}.jsonc"


def encode_report(report: ManifestReport) -> str:
    """Gives the file's text, its leading comment and final newline included."""
    document = {
        "manifest-version": VERSION,
        "packages": {one.name: _package_document(one) for one in sorted(report.packages, key=lambda one: one.name)},
        "source-name": report.source_name,
        "source-release": str(report.source_release),
        "source-version": report.source_version,
    }
    body = json.dumps(document, indent="\t", ensure_ascii=False)
    return f"{COMMENT}\n{body}\n"


def _package_document(one: PackageReport) -> dict[str, object]:
    document = {
        "build-depends": _sorted(one.build_depends),
        "depends": _sorted(one.depends),
        "files": _sorted(one.files),
        "name": one.name,
        "provides": _sorted(one.provides),
    }
    return {key: value for key, value in document.items() if value}


def _sorted(texts: Iterable[str]) -> list[str]:
    return sorted(set(texts))


def decode_report(text: str, *, path: str = "") -> ManifestReport:
    """Reads the file's text. Raises `FormatError`."""
    try:
        return _report(text)
    except FormatError as error:
        error.path = path
        raise


def _report(text: str) -> ManifestReport:
    comment, _, body = text.partition("\n")
    if comment != COMMENT:
        raise FormatError("the report does not start with its comment", line=1)
    document = parse_json(body, first_line=2)
    if not isinstance(document, dict):
        raise FormatError("the report is no table")
    if document.get("manifest-version") != VERSION:
        raise FormatError(f"manifest version {document.get('manifest-version')!r}, {VERSION!r} was expected")
    packages = document.get("packages")
    if not isinstance(packages, dict):
        raise FormatError("'packages' is no table")
    release = _text(document, "source-release")
    if not _RELEASE.fullmatch(release):
        raise FormatError(f"the source release {release!r} is no number")
    return ManifestReport(
        source_name=_text(document, "source-name"),
        source_version=_text(document, "source-version"),
        source_release=int(release),
        packages=tuple(_package(name, value) for name, value in packages.items()),
    )


def _package(name: str, document: object) -> PackageReport:
    if not isinstance(document, dict) or document.get("name") != name:
        raise FormatError(f"the package {name!r} is no table of that name")
    lists: dict[str, tuple[str, ...]] = {}
    for key in _LISTS:
        value = document.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise FormatError(f"{name}: {key} is no list of texts")
        lists[key.replace("-", "_")] = tuple(value)
    return PackageReport(name=name, **lists)


def _text(document: dict[str, object], key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str):
        raise FormatError(f"{key!r} is no text")
    return value
