"""Splitting debug symbols off and stripping, with objcopy and strip run by the site's tools (stone-spec 5.4, 3)."""

import posixpath
from collections.abc import Sequence

from serpent_infra.formats.packaging.analysis import Site
from serpent_infra.formats.packaging.elf import ElfFacts
from serpent_infra.formats.packaging.inside import make_directories_inside
from serpent_infra.formats.packaging.tree import TreePath, look_at, refusing

_HEAD = 2  # hexadecimal digits of a build id that name its directory


def split_and_strip(site: Site, found: TreePath, facts: ElfFacts) -> tuple[TreePath, ...]:
    """Moves a file's debug symbols to `/usr/lib/debug` and strips it, as the recipe wants; gives the new paths.

    A program that fails leaves a line in the log and the file as it is. Raises `PackagingError` where the tree holds
    a link where the debug directory should be.
    """
    if not facts.build_id or len(facts.build_id) <= _HEAD:
        return ()
    made: tuple[TreePath, ...] = ()
    if site.options.debug:
        made = _split(site, found, _debug_path(facts, facts.build_id))
    if site.options.strip:
        _strip(site, found)
    return made


def _debug_path(facts: ElfFacts, build_id: str) -> str:
    root = "/usr/lib/debug" if facts.bits == 64 else "/usr/lib32/debug"  # noqa: PLR2004 - the class of an ELF file
    return f"{root}/.build-id/{build_id[:_HEAD]}/{build_id[_HEAD:]}.debug"


def _split(site: Site, found: TreePath, debug_path: str) -> tuple[TreePath, ...]:
    target = site.install_root / debug_path.lstrip("/")
    if target.exists() or target.is_symlink():  # the same build id again: a copy or a hard link of a file done before
        return ()
    with refusing(posixpath.dirname(debug_path)):
        make_directories_inside(site.install_root, posixpath.dirname(debug_path))
    tool = f"{site.tools.prefix}objcopy"
    source, link = site.tool_path(found.path), site.tool_path(debug_path)
    if not _run(site, found, [tool, "--only-keep-debug", source, link]) or not target.is_file():
        return ()
    _run(site, found, [tool, f"--add-gnu-debuglink={link}", source])
    with refusing(debug_path):
        return (look_at(site.install_root, debug_path),)


def _strip(site: Site, found: TreePath) -> None:
    is_program = posixpath.basename(posixpath.dirname(found.path)) in {"bin", "sbin"}
    options = [] if is_program else ["-g", "--strip-unneeded"]
    _run(site, found, [f"{site.tools.prefix}strip", *options, site.tool_path(found.path)])


def _run(site: Site, found: TreePath, arguments: Sequence[str]) -> bool:
    result = site.tools.run(arguments)
    if result.status != 0:
        lines = result.errors.strip().splitlines() or [f"status {result.status}"]
        site.say(found.path, f"{arguments[0]}: {lines[-1]}")
    return result.status == 0
