"""Compressing manual pages, for recipes that ask for it (stone-spec 5.4, 7)."""

import os

from backports import zstd

from serpent_infra.formats.packaging.errors import PackagingError
from serpent_infra.formats.packaging.inside import create_inside, resolve_inside
from serpent_infra.formats.packaging.tree import TreePath, look_at, readable, refusing

LEVEL = 16
SUFFIX = ".zst"
_SECTIONS = tuple("12345678")  # not 9, as for boulder
_MAX_PAGE = 64 * 2**20  # bytes; the longest page there is has a few MiB


def compress_page(found: TreePath) -> TreePath | None:
    """Writes a page's compressed form beside it, with its mode and times; None where the path is no page.

    A link to a page becomes a regular file with the page's content. Raises `PackagingError` for a link that leads
    nowhere, and where the compressed form's name is taken.
    """
    if not (found.is_regular or found.is_symlink) or not _is_page(found):
        return None
    content, status = _content(found)
    with refusing(found.path + SUFFIX):
        create_inside(found.root, found.path + SUFFIX, _compressed(content), status)
        return look_at(found.root, found.path + SUFFIX)


def _is_page(found: TreePath) -> bool:
    directories = found.parts[:-1]
    return ("man" in directories and found.name.endswith(_SECTIONS)) or (
        "info" in directories and found.name.endswith(".info")
    )


def _compressed(content: bytes) -> bytes:
    """Gives a frame without the content's size, as boulder's stream writes it."""
    compressor = zstd.ZstdCompressor(level=LEVEL)
    return compressor.compress(content) + compressor.flush()


def _content(found: TreePath) -> tuple[bytes, os.stat_result]:
    """Reads a page through links, never outside the install tree."""
    path = resolve_inside(found.root, found.path)
    page = look_at(found.root, path) if path else None
    if page is None or not page.is_regular:
        shown = readable(found.path)
        raise PackagingError(f"{shown} is a link that leads to no page of this install", paths=(found.path,))
    with refusing(page.path), page.open() as stream:
        content = stream.read(_MAX_PAGE + 1)
    if len(content) > _MAX_PAGE:
        reason = f"{readable(page.path)}: more than {_MAX_PAGE:,} bytes are no manual page"
        raise PackagingError(reason, paths=(page.path,))
    return content, page.status
