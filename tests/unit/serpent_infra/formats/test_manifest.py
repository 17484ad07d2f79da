"""Manifests and their reports hold what boulder's hold, and say what is wrong with a broken one."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.manifest import build_dependencies, decode_manifest, encode_manifest
from serpent_infra.formats.manifest_report import COMMENT, ManifestReport, PackageReport, decode_report, encode_report
from serpent_infra.formats.stone.header import FileType
from serpent_infra.formats.stone.meta import Meta
from tests.unit.serpent_infra.formats.crafted import SAMPLE, container, meta_payload
from tests.unit.serpent_infra.formats.strategies import NAMES, TEXTS, metas

DEVEL = replace(SAMPLE, name="hello-devel", provides=frozenset())
DEBUG = replace(SAMPLE, name="hello-dbginfo", provides=frozenset())


def test_a_manifest_holds_all_but_debug_packages_by_name_without_build_release_or_index_fields() -> None:
    indexed = replace(SAMPLE, uri="x", hash="y", size=3)
    packages = decode_manifest(encode_manifest([DEVEL, DEBUG, indexed], build_depends=["cmake(Foo)"]))
    needs = (Capability.parse("cmake(Foo)"),)
    assert packages == tuple(replace(one, build_release=0, build_depends=needs) for one in (SAMPLE, DEVEL))


def test_build_dependencies_sort_as_the_recipe_writes_them() -> None:
    texts = ["zlib-devel", "pkgconfig(z)", "foo", "cmake(y)", "binary(x)", "foo", "nonsense(x)", "cut("]
    assert [str(one) for one in build_dependencies(texts)] == [
        "binary(x)",
        "cmake(y)",
        "foo",
        "pkgconfig(z)",
        "zlib-devel",
    ]


def test_a_strict_reader_wants_a_manifest_of_at_least_one_package() -> None:
    empty = container(file_type=FileType.MANIFEST)
    assert decode_manifest(empty, strict=False) == ()
    for file in (empty, container(meta_payload())):
        with pytest.raises(FormatError) as caught:
            decode_manifest(file, path="manifest.x86_64.bin")
        assert caught.value.path == "manifest.x86_64.bin"


def test_a_strict_reader_wants_each_package_once() -> None:
    doubled = container(meta_payload(), meta_payload(), file_type=FileType.MANIFEST)
    assert len(decode_manifest(doubled, strict=False)) == 2
    with pytest.raises(FormatError, match="twice"):
        decode_manifest(doubled)


@given(st.lists(metas(), min_size=1, max_size=4, unique_by=lambda meta: meta.name))
def test_manifests_come_back_as_they_were_written(packages: list[Meta]) -> None:
    kept = sorted((one for one in packages if not one.name.endswith("-dbginfo")), key=lambda one: one.name)
    expected = tuple(replace(one, build_release=0, uri=None, hash=None, size=None) for one in kept)
    written = encode_manifest(packages)
    assert decode_manifest(written, strict=bool(kept)) == expected
    assert encode_manifest(reversed(expected)) == written


REPORT = ManifestReport(
    source_name="hello",
    source_version="1.0",
    source_release=3,
    packages=(
        PackageReport(name="hello-devel", files=("/usr/include/hello.h",)),
        PackageReport(name="hello", depends=("zlib", "binary(ä)", "zlib"), provides=("binary(hello)",)),
    ),
)


def test_a_report_has_boulders_text() -> None:
    assert encode_report(REPORT) == (
        "/** Human readable report. This is not consumed by boulder */\n"
        '{\n\t"manifest-version": "0.2",\n\t"packages": {\n'
        '\t\t"hello": {\n\t\t\t"depends": [\n\t\t\t\t"binary(ä)",\n\t\t\t\t"zlib"\n\t\t\t],\n\t\t\t"name": "hello",\n'
        '\t\t\t"provides": [\n\t\t\t\t"binary(hello)"\n\t\t\t]\n\t\t},\n'
        '\t\t"hello-devel": {\n'
        '\t\t\t"files": [\n\t\t\t\t"/usr/include/hello.h"\n\t\t\t],\n\t\t\t"name": "hello-devel"\n\t\t}\n'
        '\t},\n\t"source-name": "hello",\n\t"source-release": "3",\n\t"source-version": "1.0"\n}\n'
    )


LISTS = st.lists(TEXTS, max_size=4).map(lambda texts: tuple(sorted(set(texts))))
PACKAGES = st.builds(PackageReport, name=NAMES, build_depends=LISTS, depends=LISTS, files=LISTS, provides=LISTS)


@given(
    st.builds(
        ManifestReport,
        source_name=TEXTS,
        source_version=TEXTS,
        source_release=st.integers(0, 2**64),
        packages=st.lists(PACKAGES, unique_by=lambda one: one.name).map(
            lambda packages: tuple(sorted(packages, key=lambda one: one.name))
        ),
    )
)
def test_reports_come_back_as_they_were_written(report: ManifestReport) -> None:
    assert decode_report(encode_report(report)) == report


def broken(**change: object) -> str:
    document = json.loads(encode_report(REPORT).partition("\n")[2])
    return f"{COMMENT}\n{json.dumps({**document, **change})}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        f"{COMMENT}\n",
        f"{COMMENT}\n[]",
        f"{COMMENT}\n{'[' * 100_000}",
        f"{COMMENT}\n{'9' * 5_000}",
        broken(**{"manifest-version": "9"}),
        broken(**{"source-name": 5}),
        broken(**{"source-release": "-1"}),
        broken(**{"source-release": "9" * 5_000}),
        broken(**{"source-name": "\ud800"}),
        broken(packages=[]),
        broken(packages={"a": {"name": "b"}}),
        broken(packages={"a": []}),
        broken(packages={"a": {"name": "a", "files": [1]}}),
        broken(packages={"a": {"name": "a", "files": "x"}}),
    ],
)
def test_a_broken_report_is_refused(text: str) -> None:
    with pytest.raises(FormatError) as caught:
        decode_report(text, path="manifest.x86_64.jsonc")
    assert caught.value.path == "manifest.x86_64.jsonc"


def test_a_syntax_error_in_a_report_names_its_line() -> None:
    with pytest.raises(FormatError) as caught:
        decode_report(f"{COMMENT}\n{{\n\t!")
    assert (caught.value.line, caught.value.column) == (3, 2)
