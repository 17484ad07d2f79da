"""Compressing manual pages, for recipes that ask for it (stone-spec 5.4, 7)."""

import os
import posixpath
import re

from backports import zstd

from serpent_infra.formats.packaging.errors import PackagingError
from serpent_infra.formats.packaging.inside import create_inside
from serpent_infra.formats.packaging.tree import TreePath, look_at

LEVEL = 16
SUFFIX = ".zst"
_PAGE = re.compile(r".*\.[1-8]", re.DOTALL)
_MAX_LINKS = 16


def compress_page(found: TreePath) -> TreePath | None:
    """Replaces a page by its compressed form, which keeps mode and times; None where the path is no page.

    A link to a page becomes a regular file with the page's content. Raises `PackagingError` for a link that leads
    nowhere.
    """
    if found.is_directory or not _is_page(found):
        return None
    content, status = _content(found)
    create_inside(found.root, found.path + SUFFIX, zstd.compress(content, level=LEVEL), status)
    return look_at(found.root, found.path + SUFFIX)


def _is_page(found: TreePath) -> bool:
    directories = found.parts[:-1]
    return ("man" in directories and _PAGE.fullmatch(found.name) is not None) or (
        "info" in directories and found.name.endswith(".info")
    )


def _content(found: TreePath) -> tuple[bytes, os.stat_result]:
    """Reads a page through links, never outside the install tree."""
    here = found
    for _ in range(_MAX_LINKS):
        if here.is_regular:
            with here.open() as stream:
                return stream.read(), here.status
        if not here.is_symlink:
            break
        target = posixpath.join(posixpath.dirname(here.path), str(here.source.readlink()))
        try:
            here = look_at(found.root, posixpath.normpath(target))
        except OSError:
            break
    raise PackagingError(f"{found.path} is a link that leads to no page of this install", paths=(found.path,))
