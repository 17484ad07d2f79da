"""Which programs are run to split debug symbols off and to strip, and with which words."""

import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from serpent_infra.formats.packaging.debug import split_and_strip
from serpent_infra.formats.packaging.elf import ElfFacts
from serpent_infra.formats.packaging.errors import PackagingError
from serpent_infra.formats.packaging.tools import ToolResult, Tools
from serpent_infra.formats.recipe import Options
from tests.unit.serpent_infra.formats.packaging.install_trees import put, put_path, site_of

BUILD_ID = "c70b3629f03f8941efa5e01604f15ed57a4f1e9e"
FACTS = ElfFacts(isa="x86_64", bits=64, build_id=BUILD_ID)
DEBUG = "/usr/lib/debug/.build-id/c7/0b3629f03f8941efa5e01604f15ed57a4f1e9e.debug"
DEBUG_32 = DEBUG.replace("lib/debug", "lib32/debug")


class Programs:
    """Programs that do what objcopy does as far as paths go, and remember what they were told."""

    def __init__(self, root: Path, *, fails: str = "") -> None:
        self.root = root
        self.fails = fails
        self.told: list[list[str]] = []

    def run(self, arguments: Sequence[str]) -> ToolResult:
        self.told.append(list(arguments))
        if self.fails and self.fails in arguments[1]:
            return ToolResult(1, "", "it did not work\n")
        if arguments[1] == "--only-keep-debug":
            (self.root / arguments[3].removeprefix("/mason/install/")).write_bytes(b"symbols")
        return ToolResult(0, "")


def done(
    root: Path, path: str, *, facts: ElfFacts = FACTS, options: Options | None = None, prefix: str = "", fails: str = ""
) -> tuple[list[str], list[list[str]], list[str]]:
    """Gives the new paths, what the programs were told, and what the log was told."""
    programs, lines = Programs(root, fails=fails), list[str]()
    tools = Tools(run=programs.run, say=lines.append, install_root="/mason/install", prefix=prefix)
    site = replace(site_of(root), options=options or Options(), tools=tools)
    made = split_and_strip(site, put_path(root, path), facts)
    return [one.path for one in made], programs.told, lines


def test_a_program_is_split_and_stripped_of_everything(tmp_path: Path) -> None:
    made, told, lines = done(tmp_path, "/usr/bin/nano")
    assert (made, lines) == ([DEBUG], [])
    assert told == [
        ["objcopy", "--only-keep-debug", "/mason/install/usr/bin/nano", f"/mason/install{DEBUG}"],
        ["objcopy", f"--add-gnu-debuglink=/mason/install{DEBUG}", "/mason/install/usr/bin/nano"],
        ["strip", "/mason/install/usr/bin/nano"],
    ]
    directory = (tmp_path / DEBUG.lstrip("/")).parent
    assert stat.S_IMODE(directory.stat().st_mode) == 0o755


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/usr/bin/x", []),
        ("/usr/sbin/x", []),
        ("/usr/lib/x/bin/x", []),
        ("/usr/lib/libx.so.1", ["-g", "--strip-unneeded"]),
        ("/usr/bin/deep/x", ["-g", "--strip-unneeded"]),
    ],
)
def test_only_files_right_in_bin_and_sbin_lose_all(tmp_path: Path, path: str, options: list[str]) -> None:
    _, told, _ = done(tmp_path, path)
    assert told[-1] == ["strip", *options, f"/mason/install{path}"]


def test_32_bit_files_have_a_directory_of_their_own(tmp_path: Path) -> None:
    facts = ElfFacts(isa="386", bits=32, build_id=BUILD_ID)
    assert done(tmp_path, "/usr/lib32/libx.so.1", facts=facts)[0] == [DEBUG_32]


def test_llvm_builds_use_its_programs(tmp_path: Path) -> None:
    _, told, _ = done(tmp_path, "/usr/bin/x", prefix="llvm-")
    assert [arguments[0] for arguments in told] == ["llvm-objcopy", "llvm-objcopy", "llvm-strip"]


@pytest.mark.parametrize(
    ("options", "programs"),
    [
        (Options(debug=False), ["strip"]),
        (Options(strip=False), ["objcopy", "objcopy"]),
        (Options(debug=False, strip=False), []),
    ],
)
def test_the_recipe_decides(tmp_path: Path, options: Options, programs: list[str]) -> None:
    assert [arguments[0] for arguments in done(tmp_path, "/usr/bin/x", options=options)[1]] == programs


@pytest.mark.parametrize("build_id", [None, "c7"])
def test_a_file_without_build_id_is_left_as_it_is(tmp_path: Path, build_id: str | None) -> None:
    assert done(tmp_path, "/usr/bin/x", facts=replace(FACTS, build_id=build_id)) == ([], [], [])


def test_symbols_are_split_once_for_each_build_id(tmp_path: Path) -> None:
    put(tmp_path, DEBUG, "from another copy")
    made, told, _ = done(tmp_path, "/usr/bin/x")
    assert made == []
    assert [arguments[0] for arguments in told] == ["strip"]
    assert (tmp_path / DEBUG.lstrip("/")).read_text() == "from another copy"


def test_a_split_that_fails_is_told_with_the_file_and_stripping_goes_on(tmp_path: Path) -> None:
    made, told, lines = done(tmp_path, "/usr/bin/x", fails="--only-keep-debug")
    assert made == []
    assert [arguments[0] for arguments in told] == ["objcopy", "strip"]
    assert lines == ["/usr/bin/x: objcopy: it did not work"]


def test_symbols_without_a_link_to_them_are_still_packed(tmp_path: Path) -> None:
    made, _, lines = done(tmp_path, "/usr/bin/x", fails="--add-gnu-debuglink")
    assert (made, lines) == ([DEBUG], ["/usr/bin/x: objcopy: it did not work"])


@pytest.mark.parametrize("place", ["usr/lib", "usr/lib/debug", "usr/lib/debug/.build-id"])
def test_a_link_where_a_directory_should_be_is_not_followed(tmp_path: Path, place: str) -> None:
    root, outside = tmp_path / "install", tmp_path / "outside"
    outside.mkdir()
    (root / place).parent.mkdir(parents=True)
    (root / place).symlink_to(outside)
    with pytest.raises(PackagingError, match=r"^/usr/lib/debug/\.build-id/c7: "):
        done(root, "/usr/bin/x")
    assert list(outside.iterdir()) == []
