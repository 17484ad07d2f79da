"""The analysers in the order in which each path meets them (stone-spec 5.4)."""

from collections.abc import Callable

from serpent_infra.formats.dependency import Capability, Kind
from serpent_infra.formats.packaging import texts
from serpent_infra.formats.packaging.analysis import DONE, DROP, NEXT, Findings, Site, Step
from serpent_infra.formats.packaging.debug import split_and_strip
from serpent_infra.formats.packaging.elf import elf_depends, elf_provides, read_elf
from serpent_infra.formats.packaging.manpages import compress_page
from serpent_infra.formats.packaging.tree import TreePath

Analyser = Callable[[Site, TreePath, Findings], Step]


def analyse(site: Site, found: TreePath, findings: Findings) -> Step:
    """Shows a path to every analyser until one ends the chain; the step says whether the path is packaged."""
    queue: tuple[TreePath, ...] = ()
    for analyser in _CHAIN:
        step = analyser(site, found, findings)
        queue += step.queue
        if not step.go_on:
            return Step(keep=step.keep, go_on=False, queue=queue)
    return Step(go_on=False, queue=queue)


def _ignore_blocked(site: Site, found: TreePath, _findings: Findings) -> Step:
    if not found.is_packaged:
        return DROP
    is_library = found.path.startswith(("/usr/lib/", "/usr/lib32/"))
    if site.options.lastrip and is_library and found.name.endswith(".la"):
        return DROP
    return NEXT


def _programs(_site: Site, found: TreePath, findings: Findings) -> Step:
    if found.path.startswith("/usr/bin/"):
        findings.provides.add(Capability(Kind.BINARY, found.name))
    elif found.path.startswith("/usr/sbin/"):
        findings.provides.add(Capability(Kind.SYSBINARY, found.name))
    return NEXT


def _elf(site: Site, found: TreePath, findings: Findings) -> Step:
    if not found.is_regular or (found.name.endswith(".debug") and "debug" in found.parts[:-1]):
        return NEXT
    with found.open() as stream:
        facts = read_elf(stream)
    if facts is None:
        return NEXT
    findings.depends.update(elf_depends(facts, found.path, site.is_installed))
    findings.provides.update(elf_provides(facts, found.path))
    return Step(go_on=False, queue=split_and_strip(site, found, facts))


def _pkg_config(site: Site, found: TreePath, findings: Findings) -> Step:
    if texts.is_pkg_config(found):
        findings.provides.add(texts.pkg_config_provides(found))
        if not found.is_directory:
            findings.depends.update(texts.pkg_config_depends(site, found))
    return NEXT


def _python(_site: Site, found: TreePath, findings: Findings) -> Step:
    if found.is_regular and texts.is_python_metadata(found):
        provides, depends = texts.python_capabilities(found)
        findings.provides |= provides
        findings.depends |= depends
    return NEXT


def _cmake(_site: Site, found: TreePath, findings: Findings) -> Step:
    if not found.is_directory and (provided := texts.cmake_provides(found)):
        findings.provides.add(provided)
    return NEXT


def _manpages(site: Site, found: TreePath, _findings: Findings) -> Step:
    if not site.options.compressman:
        return NEXT
    replacement = compress_page(found)
    return NEXT if replacement is None else Step(keep=False, go_on=False, queue=(replacement,))


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
