"""From an install tree to what each package holds, depends on and provides (stone-spec 5.3, 5.4)."""

import os
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import xxhash

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.packaging.analysis import Findings, Site
from serpent_infra.formats.packaging.chain import analyse
from serpent_infra.formats.packaging.errors import PackagingError
from serpent_infra.formats.packaging.exclusion import Exclusion
from serpent_infra.formats.packaging.table import PackagePlan, PackageTable
from serpent_infra.formats.packaging.tree import USR, TreePath, look_at, readable, refusing
from serpent_infra.formats.stone.layout import EntryKind, LayoutEntry
from serpent_infra.formats.stone.writer import PackagedFile

_CHUNK = 2**20


@dataclass(slots=True)
class Bucket:
    """One package being filled: its files in layout order, and what they show."""

    plan: PackagePlan
    files: list[PackagedFile] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)

    def depends(self) -> frozenset[Capability]:
        """All that the package depends on: by analysis and by the recipe, exclusions taken away."""
        return self._exclusion().rest({*self._analysed(), *_parsed(self.plan.rundeps)})

    def reported_depends(self) -> tuple[str, ...]:
        """The same as texts, what the recipe states as it stands there; exclusions are held against those texts."""
        exclusion = self._exclusion()
        texts = {*self.plan.rundeps, *(capability.text for capability in self._analysed())}
        return tuple(sorted((text for text in texts if not exclusion.takes(text)), key=str.encode))

    def provides(self) -> frozenset[Capability]:
        """What the package provides besides its name, exclusions taken away."""
        return Exclusion(self.plan.provides_exclude, self.plan.name).rest(self.findings.provides)

    def conflicts(self) -> frozenset[Capability]:
        """What the package cannot be installed beside."""
        return frozenset(_parsed(self.plan.conflicts))

    def _analysed(self) -> set[Capability]:
        """What the files depend on and do not provide themselves."""
        return self.findings.depends - self.findings.provides

    def _exclusion(self) -> Exclusion:
        return Exclusion(self.plan.rundeps_exclude, self.plan.name)


def fill_buckets(site: Site, table: PackageTable, paths: Iterable[TreePath]) -> list[Bucket]:
    """Analyses every path and shares the tree out; gives the packages that got at least one path, by name.

    Raises `PackagingError` for what no package can hold.
    """
    buckets: dict[str, Bucket] = {}
    queue = deque(paths)
    while queue:
        found = queue.popleft()
        name = table.rules.package_of(found.path)
        bucket = buckets.setdefault(name, Bucket(table.packages[name]))
        step = analyse(site, found, bucket.findings)
        queue.extend(step.queue)
        if step.keep:
            bucket.files.append(_packaged(site, step.instead or found.path))
    return [buckets[name] for name in sorted(buckets, key=str.encode)]


def _packaged(site: Site, path: str) -> PackagedFile:
    """Reads a path as it is after analysis, which may have stripped it; everything belongs to root."""
    with refusing(path):
        found = look_at(site.install_root, path)
        kind = EntryKind.of_mode(found.status.st_mode)
        entry = LayoutEntry(
            kind=kind,
            target=path.removeprefix(USR),
            mode=found.status.st_mode,
            digest=_digest(found) if kind is EntryKind.REGULAR else b"",
            link=_link(found) if kind is EntryKind.SYMLINK else "",
        )
    return PackagedFile(entry, found.source if kind is EntryKind.REGULAR else None)


def _digest(found: TreePath) -> bytes:
    hasher = xxhash.xxh3_128()
    with found.open() as stream:
        while chunk := stream.read(_CHUNK):
            hasher.update(chunk)
    return hasher.digest()


def _link(found: TreePath) -> str:
    text = os.readlink(found.source)  # noqa: PTH115 - pathlib tidies the text, packages keep it as it is
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise PackagingError(f"{readable(found.path)}: the link's text is no UTF-8", paths=(found.path,)) from error
    return text


def _parsed(texts: Iterable[str]) -> list[Capability]:
    """Reads capabilities; texts that are none are left out, as boulder does: the recipe's warnings name them."""
    parsed = []
    for text in texts:
        try:
            parsed.append(Capability.parse(text))
        except FormatError:
            continue
    return parsed
