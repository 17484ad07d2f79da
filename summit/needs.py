"""The words of the build order, pure: tasks as nodes, what they need, and why an edge is there."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from serpent_infra.formats.dependency import Capability


class Usage(StrEnum):
    """What a dependency is for; an implied one is of the build, but nobody wrote it down."""

    BUILD = "build"
    CHECK = "check"
    IMPLIED = "implied"
    RUN = "run"


class EdgeKind(StrEnum):
    """Whether a need is waited for, or met by what is published because of a cycle."""

    HARD = "hard"
    STAGED = "staged"


class BlockReason(StrEnum):
    """Why a blocked task cannot run."""

    FAILED_NEED = "failed-need"
    MISSING = "missing"
    CYCLE = "cycle"


@dataclass(frozen=True, slots=True)
class Need:
    """One dependency of a recipe."""

    capability: Capability
    usage: Usage = Usage.BUILD


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A task as the order sees it.

    Attributes:
        key: its identity, not below zero.
        name: the recipe's name; `title` what sentences call it.
        provides: what its packages will provide, as far as it is known (`is_certain`: by a manifest).
        needs: what it depends on; empty for one that is not waiting.
        implied: what its macros, its toolchain and every build root imply; nodes that imply the same share the tuple.
        seconds: how long its build takes, estimated.
        is_going: it will be built; otherwise (in review, failed) it is waited for only where nothing published does.
        stuck: "" or the end of a sentence that says why it cannot go on by itself: "failed", "was cancelled".
        waits_for: tasks that it waited for before they got stuck: it goes on waiting for them.
    """

    key: int
    name: str
    title: str
    provides: frozenset[Capability]
    needs: tuple[Need, ...] = ()
    implied: tuple[Capability, ...] = ()
    seconds: float = 1.0
    is_certain: bool = True
    is_going: bool = True
    stuck: str = ""
    waits_for: frozenset[int] = frozenset()


class Edge(NamedTuple):
    """`task` needs what `needs` will provide; `is_offered` says that something published would do as well."""

    task: int
    needs: int
    capability: Capability
    usage: Usage
    kind: EdgeKind
    is_offered: bool
