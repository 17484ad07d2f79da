"""Which packages a build root needs: the closure over runtime dependencies, and what nothing provides."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.stone.meta import Meta


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A package of one remote: its metadata with the absolute address and the hash of its stone."""

    meta: Meta
    priority: int
    uri: str
    sha256: str


@dataclass(frozen=True)
class Missing:
    """A capability that nothing provides, and who asked for it."""

    capability: Capability
    wanted_by: str

    def __str__(self) -> str:
        return f"{self.capability}, which {self.wanted_by} needs"


@dataclass(frozen=True, kw_only=True)
class Resolution:
    """What is to be installed, by package name, what the base image stands in for, and what is missing."""

    packages: tuple[Candidate, ...]
    from_base: tuple[Capability, ...]
    missing: tuple[Missing, ...]


def resolve(
    wanted: Iterable[tuple[Capability, str]],
    candidates: Iterable[Candidate],
    base_provides: Callable[[Capability], bool],
) -> Resolution:
    """Walks from what is `wanted`, each with who wants it, to everything that it needs at run time.

    Of several providers the one of the remote with the highest priority counts, then the highest release, then the
    name that sorts first; what no remote provides may come from the base image. A package that is in two remotes
    counts once, since only one of the two can be installed.
    """
    providers = _providers(candidates)
    chosen: dict[str, Candidate] = {}
    from_base: set[Capability] = set()
    missing: dict[Capability, Missing] = {}
    seen: set[Capability] = set()
    waiting = list(wanted)[::-1]
    while waiting:
        capability, wanted_by = waiting.pop()
        if capability in seen:
            continue
        seen.add(capability)
        provider = providers.get(capability)
        if provider is None:
            if base_provides(capability):
                from_base.add(capability)
            else:
                missing[capability] = Missing(capability, wanted_by)
        elif provider.meta.name not in chosen:
            chosen[provider.meta.name] = provider
            waiting += [(dependency, provider.meta.name) for dependency in sorted(provider.meta.depends)[::-1]]
    return Resolution(
        packages=tuple(chosen[name] for name in sorted(chosen)),
        from_base=tuple(sorted(from_base)),
        missing=tuple(missing.values()),
    )


def _providers(candidates: Iterable[Candidate]) -> dict[Capability, Candidate]:
    ranked = sorted(candidates, key=_rank)
    packages: dict[str, Candidate] = {}
    for candidate in ranked:
        packages.setdefault(candidate.meta.name, candidate)
    providers: dict[Capability, Candidate] = {}
    for candidate in packages.values():
        for capability in candidate.meta.providers:
            providers.setdefault(capability, candidate)
    return providers


def _rank(candidate: Candidate) -> tuple[int, int, int, str]:
    meta = candidate.meta
    return (-candidate.priority, -meta.release, -meta.build_release, meta.name)
