"""A build is judged by its manifest as the distribution's own tool judges it."""

from dataclasses import replace

import pytest

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.manifest import encode_manifest
from serpent_infra.formats.manifest_difference import FieldChange, ListChange, PackageDifference
from serpent_infra.formats.manifest_verify import verify
from serpent_infra.formats.stone.header import FileType
from serpent_infra.formats.stone.meta import Meta
from tests.unit.serpent_infra.formats.crafted import SAMPLE, container, meta_payload

NEED = Capability.name("zlib")
PLAIN = replace(SAMPLE, build_release=0)
DEVEL = replace(PLAIN, name="hello-devel", provides=frozenset())


def test_the_same_file_is_accepted_without_being_read() -> None:
    found = verify(b"no manifest", b"no manifest")
    assert (found.is_accepted, found.is_same_file) == (True, True)


def test_another_file_of_the_same_packages_is_accepted() -> None:
    payloads = meta_payload(PLAIN), meta_payload(DEVEL)
    promised = container(*payloads, file_type=FileType.MANIFEST)
    made = container(*reversed(payloads), file_type=FileType.MANIFEST)
    found = verify(promised, made)
    assert (found.is_accepted, found.is_same_file, bool(found.difference)) == (True, False, False)


@pytest.mark.parametrize(
    "changed",
    [
        replace(SAMPLE, version="1.1"),
        replace(SAMPLE, release=4),
        replace(SAMPLE, summary="Shouts"),
        replace(SAMPLE, licenses=("MIT",)),
        replace(SAMPLE, depends=frozenset()),
        replace(SAMPLE, provides=frozenset({NEED})),
        replace(SAMPLE, conflicts=frozenset({NEED})),
        replace(SAMPLE, build_depends=(NEED,)),
        replace(SAMPLE, name="hullo"),
    ],
)
def test_packages_that_differ_are_refused_and_said(changed: Meta) -> None:
    found = verify(encode_manifest([SAMPLE]), encode_manifest([changed]))
    assert (found.is_accepted, bool(found.difference)) == (False, True)


def test_a_missing_package_and_a_changed_field_are_told_apart() -> None:
    found = verify(encode_manifest([SAMPLE, DEVEL]), encode_manifest([replace(SAMPLE, summary="Shouts")])).difference
    assert found.removed == ("hello-devel",)
    assert found.changed == (PackageDifference("hello", (FieldChange("summary", "Greets", "Shouts"),)),)


def test_a_dependency_that_became_one_of_the_build_is_accepted_as_the_tool_does_and_still_said() -> None:
    promised = encode_manifest([replace(SAMPLE, depends=frozenset({NEED}))])
    made = encode_manifest([replace(SAMPLE, depends=frozenset(), build_depends=(NEED,))])
    found = verify(promised, made)
    assert found.is_accepted
    assert found.difference.recipe == (ListChange("build_depends", added=("zlib",)),)
    assert found.difference.changed == (PackageDifference("hello", (ListChange("depends", removed=("zlib",)),)),)


@pytest.mark.parametrize("broken", ["promised", "made"])
def test_a_manifest_that_cannot_be_read_is_named(broken: str) -> None:
    files = {"promised": encode_manifest([SAMPLE]), "made": encode_manifest([SAMPLE]), broken: b"\0mos"}
    with pytest.raises(FormatError) as caught:
        verify(files["promised"], files["made"], promised_path="promised", made_path="made")
    assert caught.value.path == broken
