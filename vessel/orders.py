"""What crosses vessel's door: orders down, reports up, what a stream offers, and the door's exceptions."""

from dataclasses import dataclass
from datetime import datetime

from serpent_infra.formats.dependency import Capability
from serpent_infra.wire.reports import ArtefactInfo
from vessel.states import CLOSED, ImportStatus


class UnknownImport(Exception):
    """No import has this reference."""


class UnknownStream(Exception):
    """The channel or stream does not exist."""


class ChannelMismatch(Exception):
    """The channel exists and is official where a plain one is meant, or the other way round."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What every stone of an import must say of itself; anything else is refused."""

    source_name: str
    version: str
    release: int
    build_release: int
    architecture: str
    package_names: tuple[str, ...]  # all that the recipe at that commit may produce; a stone has one of them
    trusted: bool  # built for this purpose on an official builder: only then may it enter an official channel


@dataclass(frozen=True, kw_only=True)
class ImportOrder:
    """Take these files in and publish them.

    `reference` is the asker's own name of the import: asking twice with the same reference changes nothing. The URL of
    a file is `base_uri` + its name, fetched with a token for `audience`. `provenance` is kept with every stone:
    project, repository, recipe, commit, builder, attempt, task (all text).
    """

    reference: str
    channel: str
    stream: str
    base_uri: str
    audience: str
    files: tuple[ArtefactInfo, ...]
    expected: Expected
    provenance: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """How an import stands: `version` names the version that published it, `problem` says why it was refused.

    `removed` names the packages of its source that left the stream in that version, since the build made them no more.
    """

    reference: str
    status: ImportStatus
    version: str
    problem: str
    is_infrastructure_problem: bool  # the fault of disk, network or a vanished builder, not of what was built
    updated_at: datetime
    removed: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Says whether the import is still under way."""
        return self.status not in CLOSED


@dataclass(frozen=True, kw_only=True)
class Merge:
    """What became of a merged branch: the version that holds it, and what the stream kept as it was (texts).

    It keeps what it had newer, and goes on without what has left it since the branch began.
    """

    version: str
    kept: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class WithdrawalOrder:
    """Take the packages of a source out of a stream for one architecture.

    `reference` is the asker's own name of it: asking twice with the same reference changes nothing. `seen` are the
    packages (`str(PublishedPackage)`) that it was decided upon: where there is another by then, none is taken away.
    """

    reference: str
    channel: str
    stream: str
    architecture: str
    source_name: str
    seen: tuple[str, ...]
    who: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Withdrawn:
    """What became of a withdrawal: the version that goes without, and the names of the packages that left with it."""

    version: str
    removed: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PublishedPackage:
    """One package that a stream offers; `provides` holds its own name too."""

    name: str
    source_name: str
    version: str
    release: int
    build_release: int
    architecture: str
    provides: frozenset[Capability]
    depends: frozenset[Capability]

    def __str__(self) -> str:
        """The form people read, and by which a withdrawal says what was seen."""
        return f"{self.name} {self.version}-{self.release} ({self.architecture}, build {self.build_release})"
