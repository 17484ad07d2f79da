"""Compressing manual pages."""

import os
import re
from pathlib import Path

import pytest
from backports import zstd

from serpent_infra.formats.packaging.errors import PackagingError
from serpent_infra.formats.packaging.manpages import compress_page
from serpent_infra.formats.packaging.tree import look_at
from tests.unit.serpent_infra.formats.packaging.install_trees import put, put_path

PAGE = ".TH TWICE 1\n" * 100
ZSTD_FRAME_OF_UNKNOWN_SIZE = bytes.fromhex("28b52ffd00")


@pytest.mark.parametrize(
    ("path", "is_page"),
    [
        ("/usr/share/man/man1/x.1", True),
        ("/usr/share/man/de/man8/x.8", True),
        ("/usr/share/man/man3/x-3", True),
        ("/usr/share/man/man9/x.9", False),
        ("/usr/share/man/man3/x.3p", False),
        ("/usr/share/man/man1/x.1.gz", False),
        ("/usr/share/doc/x.1", False),
        ("/usr/share/info/x.info", True),
        ("/usr/share/info/x.info-1", False),
        ("/usr/share/info/dir", False),
        ("/usr/share/x.info", False),
    ],
)
def test_pages_are_known_by_directory_and_ending(tmp_path: Path, path: str, *, is_page: bool) -> None:
    assert (compress_page(put_path(tmp_path, path, PAGE)) is not None) is is_page


def test_a_compressed_page_keeps_mode_and_times_and_the_page_stays(tmp_path: Path) -> None:
    page = put(tmp_path, "/usr/share/man/man1/x.1", PAGE, mode=0o640)
    os.utime(page, ns=(1_000_000_000_000_000_001, 1_200_000_000_000_000_002))
    made = compress_page(look_at(tmp_path, "/usr/share/man/man1/x.1"))
    assert made is not None
    assert made.path == "/usr/share/man/man1/x.1.zst"
    assert made.status.st_mode == 0o100640
    assert (made.status.st_atime_ns, made.status.st_mtime_ns) == (1_000_000_000_000_000_001, 1_200_000_000_000_000_002)
    assert zstd.decompress(made.source.read_bytes()).decode() == PAGE == page.read_text()


def test_a_page_is_one_frame_of_level_16_without_its_size(tmp_path: Path) -> None:
    made = compress_page(put_path(tmp_path, "/usr/share/man/man1/x.1", PAGE))
    assert made is not None
    compressor = zstd.ZstdCompressor(level=16)
    streamed = b"".join(compressor.compress(PAGE[at : at + 100].encode()) for at in range(0, len(PAGE), 100))
    assert made.source.read_bytes() == streamed + compressor.flush()
    assert made.source.read_bytes().startswith(ZSTD_FRAME_OF_UNKNOWN_SIZE)


def test_a_link_becomes_a_page_of_its_own(tmp_path: Path) -> None:
    put(tmp_path, "/usr/share/man/man1/x.1", PAGE)
    for name, target in (("a.1", "x.1"), ("b.1", "./../man1/a.1"), ("c.1", "/usr/share/man/man1/b.1")):
        (tmp_path / "usr/share/man/man1" / name).symlink_to(target)
    (tmp_path / "usr/share/man/linked").symlink_to("man1")
    (tmp_path / "usr/share/man/man1/d.1").symlink_to("../linked/x.1")
    for name in ("a.1", "b.1", "c.1", "d.1"):
        made = compress_page(look_at(tmp_path, f"/usr/share/man/man1/{name}"))
        assert made is not None
        assert made.is_regular
        assert zstd.decompress(made.source.read_bytes()).decode() == PAGE


@pytest.mark.parametrize("target", ["gone.1", "/../../../../../../etc/hostname", "x.1", "."])
def test_a_link_that_leads_to_no_page_fails(tmp_path: Path, target: str) -> None:
    put(tmp_path, "/usr/share/man/man1/y.1", PAGE)
    (tmp_path / "usr/share/man/man1/x.1").symlink_to(target)
    with pytest.raises(PackagingError, match=r"^/usr/share/man/man1/x\.1 is a link that leads to no page") as caught:
        compress_page(look_at(tmp_path, "/usr/share/man/man1/x.1"))
    assert caught.value.paths == ("/usr/share/man/man1/x.1",)


def test_a_name_that_is_taken_fails(tmp_path: Path) -> None:
    put(tmp_path, "/usr/share/man/man1/x.1.zst", "mine")
    with pytest.raises(PackagingError, match=re.escape("/usr/share/man/man1/x.1.zst: File exists")):
        compress_page(put_path(tmp_path, "/usr/share/man/man1/x.1", PAGE))
    assert (tmp_path / "usr/share/man/man1/x.1.zst").read_text() == "mine"


def test_a_page_larger_than_life_fails(tmp_path: Path) -> None:
    found = put_path(tmp_path, "/usr/share/man/man1/x.1")
    with found.source.open("wb") as stream:
        stream.truncate(2**26 + 1)
    with pytest.raises(PackagingError, match=r"x\.1: more than 67,108,864 bytes are no manual page"):
        compress_page(look_at(tmp_path, found.path))
