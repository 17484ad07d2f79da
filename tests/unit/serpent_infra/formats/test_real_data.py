"""Real stones and manifests read strictly, and come out of the writers byte for byte."""

from pathlib import Path

import pytest

from serpent_infra.formats.index import assemble, encode_entry, read_index
from serpent_infra.formats.manifest import decode_manifest, encode_manifest
from serpent_infra.formats.manifest_report import ManifestReport, PackageReport, decode_report, encode_report
from serpent_infra.formats.stone.extract import extract
from serpent_infra.formats.stone.layout import EntryKind
from serpent_infra.formats.stone.package import package_of, split_content, verify_package
from serpent_infra.formats.stone.reader import open_stone
from serpent_infra.formats.stone.scan import scan
from serpent_infra.formats.stone.writer import PackagedFile, write_package

pytestmark = pytest.mark.real_data

STONES = {
    "bash-completion-2.11-1-1-x86_64.stone": 745,
    "italian-pizza-1-1-1-x86_64.stone": 1,
    "nano-8.3-33-1-x86_64.stone": 91,
    "nano-dbginfo-8.3-33-1-x86_64.stone": 1,
}
OF_CURRENT_BOULDER = [name for name in STONES if not name.startswith("bash")]


@pytest.fixture
def stones(shared_data: Path) -> Path:
    return shared_data / "stones"


@pytest.mark.parametrize(("name", "paths"), STONES.items())
def test_every_stone_reads_strictly_with_all_digests_right(stones: Path, name: str, paths: int) -> None:
    package = verify_package(stones / name)
    assert package.meta.file_name == name
    assert len(package.layout) == paths
    assert package == verify_package(stones / name, strict=False)


@pytest.mark.parametrize("name", OF_CURRENT_BOULDER)
def test_stones_of_current_boulder_are_rebuilt_byte_for_byte(stones: Path, tmp_path: Path, name: str) -> None:
    sources: dict[bytes, Path] = {}
    with open_stone(stones / name) as stone:
        package = package_of(stone)
        for one, pieces in split_content(package):
            sources[one.digest] = tmp_path / one.digest.hex()
            sources[one.digest].write_bytes(b"".join(pieces))
    output = tmp_path / name
    write_package(output, package.meta, [PackagedFile(entry, sources.get(entry.digest)) for entry in package.layout])
    assert output.read_bytes() == (stones / name).read_bytes()


@pytest.mark.parametrize("name", STONES)
def test_a_stone_survives_being_unpacked_and_packed_again(stones: Path, tmp_path: Path, name: str) -> None:
    usr = tmp_path / "usr"
    package = extract(stones / name, usr)
    again = tmp_path / "again.stone"
    write_package(again, package.meta, [scan(usr / entry.target, entry.target) for entry in package.layout])
    assert verify_package(again).layout == package.layout
    if name in OF_CURRENT_BOULDER:
        assert again.read_bytes() == (stones / name).read_bytes()


def test_nano_is_what_the_worked_example_says(stones: Path) -> None:
    package = verify_package(stones / "nano-8.3-33-1-x86_64.stone")
    links = [entry for entry in package.layout if entry.kind is EntryKind.SYMLINK]
    assert [(one.target, one.link) for one in links] == [("bin/rnano", "nano")]
    assert sorted(map(str, package.meta.depends)) == [
        "interpreter(/usr/lib/ld-linux-x86-64.so.2(x86_64))",
        "soname(libc.so.6(x86_64))",
        "soname(libmagic.so.1(x86_64))",
        "soname(libncursesw.so.6(x86_64))",
    ]


def test_an_index_of_the_stones_reads_back(stones: Path) -> None:
    packages = [verify_package(stones / name).meta for name in STONES]
    entries = [encode_entry(meta, uri=meta.file_name, sha256="0" * 64, size=1) for meta in packages]
    assert [meta.name for meta in read_index(b"".join(assemble(entries)))] == [meta.name for meta in packages]


def test_every_manifest_is_rewritten_byte_for_byte(recipe_tree: Path) -> None:
    files = sorted(recipe_tree.rglob("manifest.*.bin"))
    assert len(files) == 1737
    packages = {path: decode_manifest(path) for path in files}
    assert sum(map(len, packages.values())) == 3993
    assert [path for path in files if encode_manifest(packages[path]) != path.read_bytes()] == []


def test_every_report_is_rewritten_byte_for_byte(recipe_tree: Path) -> None:
    files = sorted(recipe_tree.rglob("manifest.*.jsonc"))
    assert len(files) == 1736
    texts = {path: path.read_text() for path in files}
    assert [path for path, text in texts.items() if encode_report(decode_report(text)) != text] == []


def test_every_report_follows_from_its_manifest_and_the_files(recipe_tree: Path) -> None:
    other: dict[str, str] = {}
    for path in sorted(recipe_tree.rglob("manifest.*.jsonc")):
        text = path.read_text()
        packages, files = decode_manifest(path.with_suffix(".bin")), decode_report(text).packages
        report = ManifestReport(
            source_name=packages[0].source_id,
            source_version=packages[0].version,
            source_release=packages[0].release,
            packages=tuple(
                PackageReport(
                    name=one.name,
                    build_depends=tuple(map(str, one.build_depends)),
                    depends=tuple(map(str, one.depends)),
                    files=listed.files,
                    provides=tuple(capability.text for capability in one.provides),
                )
                for one, listed in zip(packages, files, strict=True)
            ),
        )
        if encode_report(report) != text:
            other[path.parent.name] = encode_report(report)
    # Its recipe spells the kind of a plain name out, and the report repeats recipes as they are written.
    assert list(other) == ["iniparser"]
    iniparser = (recipe_tree / "i/iniparser/manifest.x86_64.jsonc").read_text()
    assert other["iniparser"].replace('"doxygen"', '"name(doxygen)"') == iniparser
