"""The next contents of a channel, and the difference of two: plain functions over what a version holds."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from serpent_infra.formats.stone.header import MAX_PAYLOADS

Key = tuple[str, str]  # name, architecture
Source = tuple[str, str]  # the name of a recipe, architecture


class NotAdmissible(Exception):
    """A stone may not follow what the channel holds; the text says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One package of a version; `stone` is the row that holds the rest of it, `size` the bytes of its file."""

    name: str
    architecture: str
    source_name: str
    version: str
    release: int
    build_release: int
    sha256: str
    size: int
    stone: int

    @property
    def key(self) -> Key:
        """What a version holds at most one of."""
        return self.name, self.architecture

    @property
    def source(self) -> Source:
        """What one build makes all packages of."""
        return self.source_name, self.architecture

    @property
    def order(self) -> tuple[int, int]:
        """What decides which of two is newer; version texts never do."""
        return self.release, self.build_release

    def __str__(self) -> str:
        """The form people read, e.g. `zlib 1.3.1-4 (x86_64, build 1)`."""
        return f"{self.name} {self.version}-{self.release} ({self.architecture}, build {self.build_release})"


Contents = Mapping[Key, Item]


@dataclass(frozen=True, slots=True)
class Change:
    """One package that two versions have differently."""

    old: Item
    new: Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What leads from one version to another, each by name and architecture."""

    added: tuple[Item, ...]
    replaced: tuple[Change, ...]
    removed: tuple[Item, ...]

    @property
    def is_empty(self) -> bool:
        """Says whether both hold the same."""
        return not (self.added or self.replaced or self.removed)

    @property
    def summary(self) -> str:
        """Names the sources that come in and counts what only goes, e.g. `zlib 1.3.1-4, nano 8.4-35, 2 removed`."""
        incoming = [*self.added, *(change.new for change in self.replaced)]
        sources = sorted({f"{item.source_name} {item.version}-{item.release}" for item in incoming})
        texts = sources[:5] + ([f"{len(sources) - 5} more"] if len(sources) > 5 else [])  # noqa: PLR2004 - fits a line
        if self.removed:
            texts.append(f"{len(self.removed)} removed")
        return ", ".join(texts) or "no change"


def admit(current: Contents, incoming: Iterable[Item]) -> dict[Key, Item]:
    """Gives the contents after an import of all that a build made: each stone takes the place of the one of its name.

    What an older build of the same source and architecture made and this one did not is left out. A package that is
    another source's by now stays.

    Raises `NotAdmissible` for a lower release, for an equal release with a lower build release, for both equal with
    another hash, for two stones of one name, and for more packages of an architecture than an index can hold. A stone
    that is there already changes nothing.
    """
    incoming = list(incoming)
    contents = dict(current)
    made: dict[Source, set[Key]] = {}
    oldest: dict[Source, Item] = {}
    for item in incoming:
        keys = made.setdefault(item.source, set())
        if any(item.key in known for known in made.values()):
            raise NotAdmissible(f"two stones of one import are {item.name} for {item.architecture}")
        keys.add(item.key)
        oldest[item.source] = min(oldest.get(item.source, item), item, key=lambda one: one.order)
        present = current.get(item.key)
        if present is not None:
            _check_follows(present, item)
    known = _by_source(item for item in current.values() if item.source in made)
    for source, items in known.items():
        for present in items:
            _check_order(present, oldest[source])
        _leave(contents, items, made=made[source], order=oldest[source].order)
    contents.update({item.key: item for item in incoming})
    _check_size(contents, {architecture for _, architecture in made})
    return contents


def _by_source(items: Iterable[Item]) -> dict[Source, list[Item]]:
    found: dict[Source, list[Item]] = {}
    for item in items:
        found.setdefault(item.source, []).append(item)
    return found


def _leave(
    contents: dict[Key, Item], present: Iterable[Item], *, made: Collection[Key], order: tuple[int, int]
) -> None:
    """Takes out those of a source's packages that older builds made and the one of this order did not."""
    for item in present:
        if item.order < order and item.key not in made and contents.get(item.key) == item:
            del contents[item.key]


def withdraw(current: Contents, source: Source, *, seen: Collection[str]) -> dict[Key, Item]:
    """Gives the contents without the packages of a source.

    `seen` are the texts (`str`) of those that the asker has seen there. Raises `NotAdmissible` where there is another:
    what nobody looked at is not taken away. What is gone already changes nothing.
    """
    for item in current.values():
        if item.source == source and str(item) not in seen:
            raise NotAdmissible(f"{item} has been published since it was decided what goes")
    return {key: item for key, item in current.items() if item.source != source}


def _check_size(contents: Contents, architectures: Iterable[str]) -> None:
    for architecture in sorted(architectures):
        count = sum(1 for key in contents if key[1] == architecture)
        if count > MAX_PAYLOADS:
            raise NotAdmissible(f"an index holds {MAX_PAYLOADS:,} packages, {architecture} would have {count:,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What a stream holds once a branch is merged.

    `kept` has one package of each source that the stream had newer, `withdrawn` one of the branch's packages of each
    source that the stream has let go of since.
    """

    contents: Mapping[Key, Item]
    kept: tuple[Item, ...]
    withdrawn: tuple[Item, ...] = ()


def merge(*, origin: Contents, branch: Contents, target: Contents) -> Merged:
    """Gives what a stream holds once it takes in all that a branch changed since its origin.

    The packages of a source come from one of the two, never from both: where the target has a newer release or build
    release of one, or an equal one with other bytes, it keeps its own of that source; what it has let go of since does
    not come back; else it gets what the branch has, and what the branch makes no more leaves it. Raises
    `NotAdmissible` for more packages of an architecture than an index can hold.
    """
    changes = difference(origin, branch)
    incoming = _by_source((*changes.added, *(change.new for change in changes.replaced)))
    begun = {item.source for item in origin.values()}
    known, made = _by_source(target.values()), _by_source(branch.values())
    contents, kept, withdrawn = dict(target), [], []
    for source in sorted(incoming):
        winners = [
            present
            for item in incoming[source]
            if (present := target.get(item.key)) is not None
            and present.sha256 != item.sha256
            and present.order >= item.order
        ]
        order = max(item.order for item in incoming[source])
        present = max(known.get(source, ()), key=lambda item: item.order, default=None)
        if present is not None and present.order > order:
            winners.insert(0, present)
        if winners:
            kept.append(winners[0])
        elif present is None and source in begun:
            withdrawn.append(incoming[source][0])
        else:
            _leave(contents, known.get(source, ()), made={item.key for item in made[source]}, order=order)
            contents.update({item.key: item for item in incoming[source]})
    _check_size(contents, {architecture for _, architecture in incoming})
    return Merged(contents=contents, kept=tuple(kept), withdrawn=tuple(withdrawn))


def _check_follows(present: Item, item: Item) -> None:
    _check_order(present, item)
    if item.order == present.order and item.sha256 != present.sha256:
        raise NotAdmissible(f"{item} is published already with other bytes: raise the recipe's release")


def _check_order(present: Item, item: Item) -> None:
    if item.release < present.release:
        raise NotAdmissible(f"{item} has a lower release than the published {present}: raise the recipe's release")
    if item.order < present.order:
        raise NotAdmissible(f"{item} has a lower build release than the published {present}")


def difference(old: Contents, new: Contents) -> Changes:
    """Compares two contents; a package counts as replaced when its stone's hash differs."""
    return Changes(
        added=tuple(new[key] for key in sorted(new.keys() - old.keys())),
        replaced=tuple(
            Change(old[key], new[key]) for key in sorted(new.keys() & old.keys()) if old[key].sha256 != new[key].sha256
        ),
        removed=tuple(old[key] for key in sorted(old.keys() - new.keys())),
    )
