"""Whether a build made what its committed manifest promised, judged as `boulder --verify` does (stone-spec 3.3)."""

import hashlib
from dataclasses import dataclass

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.manifest import decode_manifest
from serpent_infra.formats.manifest_difference import ManifestDifference, difference
from serpent_infra.formats.stone.meta import Meta


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """A verdict on two manifests.

    Attributes:
        is_accepted: the build may stand.
        is_same_file: the two are byte for byte the same; then nothing was decoded.
        difference: what a reader sees differ. It can say something although the build is accepted: the tool keeps
            dependencies and build dependencies in one set, and does not see one move to the other.
    """

    is_accepted: bool
    is_same_file: bool
    difference: ManifestDifference


def verify(promised: bytes, made: bytes, *, promised_path: str = "", made_path: str = "") -> Verification:
    """Compares the SHA-256 of two binary manifests, and where that differs their packages, sorted by name.

    Both are read leniently, as the tool does. Raises `FormatError` with the path of the one that cannot be read.
    """
    if hashlib.sha256(promised).digest() == hashlib.sha256(made).digest():
        return Verification(is_accepted=True, is_same_file=True, difference=ManifestDifference())
    expected = decode_manifest(promised, strict=False, path=promised_path)
    actual = decode_manifest(made, strict=False, path=made_path)
    return Verification(
        is_accepted=_judged(expected) == _judged(actual),
        is_same_file=False,
        difference=difference(expected, actual),
    )


def _judged(packages: tuple[Meta, ...]) -> list[tuple[object, ...]]:
    """Gives what the tool compares of each package: all fields it knows, dependencies of both kinds in one set."""
    return [
        (
            *(one.name, one.version, one.release, one.build_release, one.architecture, one.summary, one.description),
            *(one.source_id, one.homepage, one.licenses, one.uri, one.hash, one.size),
            frozenset[Capability](one.depends | set(one.build_depends)),
            one.providers,
            one.conflicts,
        )
        for one in sorted(packages, key=lambda one: one.name)
    ]
