"""What is found in an install tree, in which order, and what is refused."""

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from serpent_infra.formats.packaging.errors import PackagingError
from serpent_infra.formats.packaging.inside import (
    create_inside,
    make_directories_inside,
    open_inside,
    resolve_inside,
)
from serpent_infra.formats.packaging.tree import enumerate_tree


def make(root: Path, *paths: str) -> None:
    for path in paths:
        target = root / path
        if path.endswith("/"):
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(path)
    for directory in (root, *root.rglob("*")):
        if directory.is_dir() and not directory.is_symlink():
            directory.chmod(0o755)


def paths_of(root: Path, *, strict: bool = True) -> list[str]:
    return [found.path for found in enumerate_tree(root, strict=strict)]


def test_paths_come_depth_first_by_bytes(tmp_path: Path) -> None:
    make(tmp_path, "usr/b", "usr/a/y", "usr/a/x", "usr/B", "usr/a.c", "usr/é")
    assert paths_of(tmp_path) == ["/usr/B", "/usr/a/x", "/usr/a/y", "/usr/a.c", "/usr/b", "/usr/é"]


def test_directories_count_when_empty_or_of_another_mode_and_after_their_children(tmp_path: Path) -> None:
    make(tmp_path, "usr/empty/", "usr/plain/x", "usr/private/x")
    (tmp_path / "usr/private").chmod(0o700)
    assert paths_of(tmp_path) == ["/usr/empty", "/usr/plain/x", "/usr/private/x", "/usr/private"]


def test_links_are_listed_and_never_entered(tmp_path: Path) -> None:
    make(tmp_path, "usr/real/x")
    (tmp_path / "usr/link").symlink_to("real")
    (tmp_path / "usr/away").symlink_to("/")
    assert paths_of(tmp_path) == ["/usr/away", "/usr/link", "/usr/real/x"]


def test_a_tree_may_be_deeper_than_pythons_stack(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    depth = 1200
    for name in ["usr", *["d"] * depth]:
        os.mkdir(name, dir_fd=descriptor)
        inner = os.open(name, os.O_RDONLY, dir_fd=descriptor)
        os.fchmod(inner, 0o755)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)
    try:
        assert paths_of(tmp_path) == ["/usr" + "/d" * depth]
    finally:  # pytest's own cleaning is not that deep
        subprocess.run(["rm", "-rf", tmp_path / "usr"], check=True)


def test_a_path_outside_usr_is_refused_by_name(tmp_path: Path) -> None:
    make(tmp_path, "usr/bin/x", "etc/x.conf", "var/lib/x/y", "run/")
    with pytest.raises(PackagingError) as caught:
        paths_of(tmp_path)
    assert caught.value.paths == ("/etc/x.conf", "/var/lib/x/y")
    assert caught.value.reason.startswith("/etc/x.conf and 1 more: packages hold nothing outside /usr")
    assert "/etc/x.conf" in paths_of(tmp_path, strict=False)


@pytest.mark.parametrize("name", ["usr", "usrx"])
def test_a_file_in_the_place_of_usr_is_refused(tmp_path: Path, name: str) -> None:
    make(tmp_path, name)
    with pytest.raises(PackagingError, match=f"/{name}: packages hold nothing outside /usr"):
        paths_of(tmp_path)


def test_empty_directories_outside_usr_are_let_pass(tmp_path: Path) -> None:
    make(tmp_path, "usr/bin/x", "etc/", "var/log/")
    assert paths_of(tmp_path) == ["/etc", "/usr/bin/x", "/var/log"]


def test_a_name_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    make(tmp_path, "usr/")
    (tmp_path / "usr" / os.fsdecode(b"\xff")).touch()
    with pytest.raises(PackagingError, match="is no UTF-8") as caught:
        paths_of(tmp_path)
    assert caught.value.paths == ("/usr/\\xff",)


def test_a_name_may_hold_a_newline(tmp_path: Path) -> None:
    make(tmp_path, "usr/a\nb")
    assert paths_of(tmp_path) == ["/usr/a\nb"]


def test_errors_show_paths_on_one_line(tmp_path: Path) -> None:
    make(tmp_path, "etc/a\nb\x1b[31m")
    with pytest.raises(PackagingError) as caught:
        paths_of(tmp_path)
    assert caught.value.reason.startswith("/etc/a\\nb\\x1b[31m: packages hold nothing")
    assert caught.value.paths == ("/etc/a\nb\x1b[31m",)


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFSOCK])
def test_pipes_and_sockets_are_refused_by_name(tmp_path: Path, kind: int) -> None:
    make(tmp_path, "usr/x", "usr/y")
    os.mknod(tmp_path / "usr/special", kind | 0o644)
    with pytest.raises(PackagingError, match="/usr/special: a device, pipe or socket") as caught:
        paths_of(tmp_path)
    assert caught.value.paths == ("/usr/special",)
    assert paths_of(tmp_path, strict=False) == ["/usr/special", "/usr/x", "/usr/y"]


@pytest.mark.parametrize("depth", [20, 280])
def test_a_path_that_is_too_long_to_open_is_refused_by_name(tmp_path: Path, depth: int) -> None:
    """280 directories of 255 bytes are more than the 65,535 bytes that the format holds."""
    descriptor = os.open(tmp_path, os.O_RDONLY)
    for name in ["usr", *["d" * 255] * depth]:
        os.mkdir(name, dir_fd=descriptor)
        inner = os.open(name, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)
    try:
        with pytest.raises(PackagingError, match=r"^/usr/d+… \([0-9],[0-9]{3} bytes\): File name too long"):
            paths_of(tmp_path)
    finally:  # pytest's own cleaning is not that deep
        subprocess.run(["rm", "-rf", tmp_path / "usr"], check=True)


@pytest.mark.parametrize("path", ["/usr/link/x", "/usr/real/link", "/link/real/x"])
def test_no_link_is_followed_when_opening(tmp_path: Path, path: str) -> None:
    make(tmp_path, "usr/real/x")
    (tmp_path / "usr/link").symlink_to("real")
    (tmp_path / "usr/real/link").symlink_to("x")
    (tmp_path / "link").symlink_to("usr")
    with open_inside(tmp_path, "/usr/real/x") as stream:
        assert stream.read() == b"usr/real/x"
    with pytest.raises(OSError, match=r"Too many levels|Not a directory"):
        open_inside(tmp_path, path)


def open_descriptors() -> list[str]:
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize("make_it", [os.mkdir, os.mkfifo])
def test_only_regular_files_are_opened_and_nothing_stays_open(tmp_path: Path, make_it: Callable[[Path], None]) -> None:
    make_it(tmp_path / "x")
    before = open_descriptors()
    with pytest.raises(OSError, match="no regular file"):
        open_inside(tmp_path, "/x")
    assert open_descriptors() == before


def test_no_link_is_followed_when_making(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    make(tmp_path, "outside/", "tree/usr/lib/")
    (tmp_path / "tree/usr/lib/debug").symlink_to(outside)
    with pytest.raises(OSError, match=r"Too many levels|Not a directory"):
        make_directories_inside(tmp_path / "tree", "/usr/lib/debug/x")
    with pytest.raises(OSError, match=r"Too many levels|Not a directory"):
        create_inside(tmp_path / "tree", "/usr/lib/debug/x", b"", tmp_path.stat())
    assert list(outside.iterdir()) == []
    make_directories_inside(tmp_path / "tree", "/usr/lib32/debug/x")
    assert (tmp_path / "tree/usr/lib32/debug/x").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    ("path", "resolved"),
    [
        ("/usr/real/x", "/usr/real/x"),
        ("/usr/absolute/x", "/usr/real/x"),
        ("/usr/relative/x", "/usr/real/x"),
        ("/usr/chain/x", "/usr/real/x"),
        ("/usr/out/usr/real/x", "/usr/real/x"),
        ("/../../usr/./real//x", "/usr/real/x"),
        ("/usr/last", "/usr/real/x"),
        ("/usr/circle/x", None),
        ("/usr/gone/x", None),
        ("/usr/real/gone", None),
        ("/usr/real/x/y", None),
        ("/usr/real/\0", None),
    ],
)
def test_links_are_followed_as_if_the_tree_were_the_whole_system(
    tmp_path: Path, path: str, resolved: str | None
) -> None:
    make(tmp_path, "usr/real/x")
    links = {"absolute": "/usr/real", "relative": "../usr/real", "chain": "absolute", "last": "/usr/chain/x"}
    for name, target in {**links, "out": "../../../..", "circle": "circle", "gone": "/nowhere"}.items():
        (tmp_path / "usr" / name).symlink_to(target)
    assert resolve_inside(tmp_path, path) == resolved


def test_a_link_in_the_last_place_can_be_what_is_asked_for(tmp_path: Path) -> None:
    make(tmp_path, "usr/real/x")
    (tmp_path / "usr/link").symlink_to("/nowhere")
    assert resolve_inside(tmp_path, "/usr/link", follow_last=False) == "/usr/link"
    assert resolve_inside(tmp_path, "/usr/link") is None


def test_the_machines_own_files_are_not_those_of_a_tree(tmp_path: Path) -> None:
    make(tmp_path, "usr/x")
    (tmp_path / "etc").symlink_to("/etc")
    assert (tmp_path / "etc/passwd").exists()
    assert resolve_inside(tmp_path, "/etc/passwd") is None
