"""Trees that a mistaken or hostile build leaves: a named error with the path in it, or packed and told to the log."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from serpent_infra.formats.packaging import PackagingError, PackedFile, PackedKind, ToolResult, Tools, pack
from serpent_infra.formats.packaging.tree import refusing
from serpent_infra.formats.recipe import Package, Recipe, parse_recipe
from serpent_infra.formats.stone.layout import EntryKind
from serpent_infra.formats.stone.package import verify_package
from tests.unit.serpent_infra.formats.packaging.install_trees import ABSENT, put

HEAD = 'name: twice\nversion: "1.0"\nrelease: 3\nhomepage: https://example.org\nlicense: MPL-2.0\nsummary: Doubles\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "install").mkdir()
    return tmp_path / "install"


def recipe(text: str = "") -> Recipe:
    return parse_recipe((HEAD + text).encode())


def packed(
    root: Path, what: Recipe | None = None, *, lines: list[str] | None = None, strict: bool = True
) -> list[PackedFile]:
    output = root.parent / "out"
    output.mkdir(exist_ok=True)
    said: list[str] = [] if lines is None else lines
    return pack(
        recipe=what or recipe(),
        install_root=root,
        output_dir=output,
        architecture="x86_64",
        tools=Tools(run=lambda _arguments: ABSENT, say=said.append),
        strict=strict,
    )


def complaints(lines: list[str]) -> list[str]:
    return [line for line in lines if not line.startswith("packing ")]


def test_what_cannot_be_understood_is_packed_and_the_log_names_it(root: Path) -> None:
    put(root, "/usr/bin/damaged", b"\x7fELF\x02\x01\x01" + b"\xff" * 200, mode=0o755)
    put(root, "/usr/lib/pkgconfig/broken.pc", b"\xff\xfeRequires: ${\n\0")
    put(root, "/usr/lib/python3.13/site-packages/x.dist-info/METADATA", b"\xff\nName: x\nRequires-Dist: ((((\n")
    lines: list[str] = []
    packages = {file.package: verify_package(file.path) for file in packed(root, lines=lines) if file.package}
    assert [entry.target for package in packages.values() for entry in package.layout] == [
        "bin/damaged",
        "lib/python3.13/site-packages/x.dist-info/METADATA",
        "lib/pkgconfig/broken.pc",
    ]
    assert {one.text for one in packages["twice"].meta.provides} == {"binary(damaged)"}
    assert {one.text for one in packages["twice-devel"].meta.provides} == {"pkgconfig(broken)"}
    said = complaints(lines)
    assert said[0].startswith("/usr/bin/damaged: a damaged ELF file, packed as any other: ")
    assert said[1].startswith("/usr/lib/python3.13/site-packages/x.dist-info/METADATA: the name None is none")
    assert len(said) == 2


def test_a_name_with_a_newline_is_packed_and_reads_back(root: Path) -> None:
    put(root, "/usr/bin/a\nb", "#!/bin/sh\n")
    put(root, "/usr/lib/a\nb.so", b"\x7fELF")
    lines: list[str] = []
    files = packed(root, lines=lines)
    package = verify_package(files[0].path)
    assert [entry.target for entry in package.layout] == ["bin/a\nb", "lib/a\nb.so"]
    assert {one.text for one in package.meta.provides} == {"binary(a\nb)"}
    assert complaints(lines)[0].startswith("/usr/lib/a\\nb.so: a damaged ELF file")
    report = next(file for file in files if file.kind is PackedKind.JSON_MANIFEST)
    assert '"/usr/bin/a\\nb"' in report.path.read_text()


def test_a_pipe_is_packed_as_one_where_reading_is_not_strict(root: Path) -> None:
    """No analyser may open it: that would wait for ever."""
    put(root, "/usr/lib/pkgconfig/x.pc")
    for path in ("usr/bin", "usr/share/man/man1", "usr/lib/python3.13/x.dist-info"):
        (root / path).mkdir(parents=True)
    for path in ("usr/bin/x", "usr/share/man/man1/x.1", "usr/lib/python3.13/x.dist-info/METADATA"):
        os.mkfifo(root / path)
    with pytest.raises(PackagingError, match=r"^/usr/bin/x and 2 more: a device, pipe or socket"):
        packed(root)
    package = verify_package(packed(root, strict=False)[0].path)
    kinds = {entry.target: entry.kind for entry in package.layout if entry.kind is not EntryKind.DIRECTORY}
    assert kinds == {
        "bin/x": EntryKind.FIFO,
        "lib/python3.13/x.dist-info/METADATA": EntryKind.FIFO,
        "share/man/man1/x.1": EntryKind.FIFO,
    }


def test_a_link_that_is_no_utf8_is_refused_by_name(root: Path) -> None:
    put(root, "/usr/bin/x")
    (root / "usr/bin/link").symlink_to(os.fsdecode(b"\xff"))
    with pytest.raises(PackagingError, match=r"^/usr/bin/link: the link's text is no UTF-8") as caught:
        packed(root)
    assert caught.value.paths == ("/usr/bin/link",)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_refused_by_name(root: Path) -> None:
    put(root, "/usr/bin/x", mode=0o111)
    with pytest.raises(PackagingError, match=r"^/usr/bin/x: Permission denied"):
        packed(root)


def test_a_file_that_vanishes_is_refused_by_name(root: Path) -> None:
    def run(arguments: Sequence[str]) -> ToolResult:
        (root / "usr/lib/pkgconfig/x.pc").unlink()
        return ToolResult(0, "")

    put(root, "/usr/lib/pkgconfig/x.pc")
    with pytest.raises(PackagingError, match=r"^/usr/lib/pkgconfig/x\.pc: No such file or directory") as caught:
        pack(
            recipe=recipe(),
            install_root=root,
            output_dir=root.parent,
            architecture="x86_64",
            tools=Tools(run=run),
        )
    assert caught.value.paths == ("/usr/lib/pkgconfig/x.pc",)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE])
def test_a_machine_that_fails_is_not_the_packagers_fault(number: int) -> None:
    with pytest.raises(OSError, match="why") as caught, refusing("/usr/bin/x"):
        raise OSError(number, "why")
    assert caught.value.errno == number


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('description: "a\\0b"', "holds a NUL"),
        ('rundeps: ["a\\0b"]', "holds a NUL"),
    ],
)
def test_what_a_stone_cannot_say_is_refused_with_the_packages_name(root: Path, text: str, reason: str) -> None:
    put(root, "/usr/bin/x")
    with pytest.raises(PackagingError, match=rf"twice.*{reason}"):
        packed(root, recipe(text))
    assert [path.name for path in (root.parent / "out").iterdir()] == []


def test_a_file_name_that_no_file_system_holds_is_refused(root: Path) -> None:
    put(root, "/usr/bin/x")
    what = Recipe(
        name="n" * 128,
        version="1" * 128,
        release=1,
        homepage="h",
        licences=("MPL-2.0",),
        root=Package(summary="s"),
        build=recipe().build,
    )
    with pytest.raises(PackagingError, match="is over 240 bytes long"):
        packed(root, what)


def test_a_link_to_a_file_outside_is_packed_as_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    put(root, "/usr/lib/python3.13/x.dist-info/RECORD")
    for path in ("usr/lib/python3.13/x.dist-info/METADATA", "usr/lib/libx.so.1"):
        (root / path).symlink_to(tmp_path / "secret")
    package = verify_package(packed(root)[0].path)
    assert {entry.target: entry.kind for entry in package.layout} == {
        "lib/libx.so.1": EntryKind.SYMLINK,
        "lib/python3.13/x.dist-info/METADATA": EntryKind.SYMLINK,
        "lib/python3.13/x.dist-info/RECORD": EntryKind.REGULAR,
    }
    assert package.meta.provides == frozenset()
