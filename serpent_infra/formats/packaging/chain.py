"""The analysers in the order in which each path meets them (stone-spec 5.4)."""

from collections.abc import Callable

from serpent_infra.formats.packaging.analysis import DONE, DROP, NEXT, Findings, Site, Step
from serpent_infra.formats.packaging.debug import split_and_strip
from serpent_infra.formats.packaging.elf import ElfFacts, UnreadableElf, read_elf
from serpent_infra.formats.packaging.linkage import elf_depends, elf_provides
from serpent_infra.formats.packaging.manpages import compress_page
from serpent_infra.formats.packaging.named_files import cmake_provides, program_provides
from serpent_infra.formats.packaging.pkg_config import pkg_config_depends, pkg_config_provides
from serpent_infra.formats.packaging.python_metadata import is_python_metadata, read_python_metadata
from serpent_infra.formats.packaging.tree import TreePath, refusing

Analyser = Callable[[Site, TreePath, Findings], Step]


def analyse(site: Site, found: TreePath, findings: Findings) -> Step:
    """Shows a path to every analyser until one ends the chain; the step says whether the path is packaged.

    Raises `PackagingError` for a path that cannot be read and for what no package can hold.
    """
    for analyser in _CHAIN:
        step = analyser(site, found, findings)
        if not step.go_on:
            return step
    return DONE


def _ignore_blocked(site: Site, found: TreePath, _findings: Findings) -> Step:
    if not found.is_packaged:
        return DROP
    is_library = found.path.startswith(("/usr/lib/", "/usr/lib32/"))
    if site.options.lastrip and is_library and found.name.endswith(".la"):
        return DROP
    return NEXT


def _programs(_site: Site, found: TreePath, findings: Findings) -> Step:
    if provided := program_provides(found.path):
        findings.provides.add(provided)
    return NEXT


def _elf(site: Site, found: TreePath, findings: Findings) -> Step:
    if not found.is_regular or (found.name.endswith(".debug") and "debug" in found.parts[:-1]):
        return NEXT
    facts = _elf_facts(site, found)
    if facts is None:
        return NEXT
    findings.depends.update(elf_depends(facts, found.path, site.is_installed))
    findings.provides.update(elf_provides(facts, found.path))
    return Step(go_on=False, queue=split_and_strip(site, found, facts))


def _elf_facts(site: Site, found: TreePath) -> ElfFacts | None:
    with refusing(found.path), found.open() as stream:
        try:
            return read_elf(stream)
        except UnreadableElf as error:
            site.say(found.path, f"a damaged ELF file, packed as any other: {error}")
            return None


def _pkg_config(site: Site, found: TreePath, findings: Findings) -> Step:
    if provided := pkg_config_provides(found.path):
        findings.provides.add(provided)
        if not found.is_directory:
            findings.depends.update(pkg_config_depends(site, found))
    return NEXT


def _python(site: Site, found: TreePath, findings: Findings) -> Step:
    if found.is_regular and is_python_metadata(found):
        read_python_metadata(site, found, findings)
    return NEXT


def _cmake(_site: Site, found: TreePath, findings: Findings) -> Step:
    if not found.is_directory and (provided := cmake_provides(found.path)):
        findings.provides.add(provided)
    return NEXT


def _manpages(site: Site, found: TreePath, _findings: Findings) -> Step:
    if not site.options.compressman:
        return NEXT
    replacement = compress_page(found)
    return NEXT if replacement is None else Step(go_on=False, instead=replacement.path)


def _include(_site: Site, _found: TreePath, _findings: Findings) -> Step:
    return DONE


_CHAIN: tuple[Analyser, ...] = (
    _ignore_blocked,
    _programs,
    _elf,
    _pkg_config,
    _python,
    _cmake,
    _manpages,
    _include,
)
