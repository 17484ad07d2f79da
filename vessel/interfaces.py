"""vessel's only door: import orders down, reports up, and what a stream offers.

The caller names the Celery task to ring (`reply_to`); vessel rings it with `reference=<text>` and never learns who
asked.
"""

from collections.abc import Collection
from datetime import datetime

from vessel import branches, intake, offer, publish, tree, withdraw
from vessel.collection import NotAdmissible
from vessel.models import Import
from vessel.orders import (
    ChannelMismatch,
    Expected,
    ImportOrder,
    ImportReport,
    Merge,
    PublishedPackage,
    UnknownImport,
    UnknownStream,
    WithdrawalOrder,
    Withdrawn,
)
from vessel.states import ImportStatus

__all__ = [
    "ChannelMismatch",
    "Expected",
    "ImportOrder",
    "ImportReport",
    "ImportStatus",
    "Merge",
    "NotAdmissible",
    "PublishedPackage",
    "UnknownImport",
    "UnknownStream",
    "WithdrawalOrder",
    "Withdrawn",
    "acknowledge",
    "branch_stream",
    "drop_branch",
    "ensure_stream",
    "import_report",
    "index_uri",
    "merge_branch",
    "published_packages",
    "request_import",
    "stream_version",
    "unsettled",
    "withdraw_packages",
]


def ensure_stream(*, channel: str, stream: str, architectures: tuple[str, ...], official: bool, at: datetime) -> None:
    """Makes channel and stream where missing, with an empty first version already on disk. Idempotent.

    Raises `ChannelMismatch` when the channel exists and `official` says otherwise.
    """
    publish.begin_stream(channel=channel, stream=stream, architectures=architectures, official=official, at=at)


def branch_stream(*, channel: str, stream: str, branch: str, at: datetime) -> None:
    """Makes a stream of its own that begins as what `stream` holds now, at the cost of a pointer. Idempotent.

    Raises `UnknownStream`, and `ChannelMismatch` where the name was used before.
    """
    branches.begin(channel=channel, stream=stream, branch=branch, at=at)


def merge_branch(*, channel: str, branch: str, stream: str, who: str, why: str, at: datetime) -> Merge:
    """Publishes all that a branch changed as one new version of a stream. Idempotent: again it gives the same result.

    Not for the inside of a transaction. Raises `UnknownStream`, `ChannelMismatch`, `NotAdmissible`.
    """
    return branches.merge_into(channel=channel, branch=branch, stream=stream, who=who, why=why, at=at)


def drop_branch(*, channel: str, branch: str, at: datetime) -> bool:
    """Takes a branch away with what only it had; False while imports into it are under way. Idempotent."""
    return branches.drop(channel=channel, branch=branch, at=at)


def withdraw_packages(*, order: WithdrawalOrder, at: datetime) -> Withdrawn:
    """Publishes a version without the packages of a source. Idempotent by `order.reference`.

    Not for the inside of a transaction. Raises `UnknownStream`, `ChannelMismatch` for a branch, `NotAdmissible` where
    something of the source was published that was not seen, or is about to be.
    """
    return withdraw.withdraw_source(order=order, at=at)


def request_import(*, order: ImportOrder, reply_to: str, at: datetime) -> None:
    """Commits an import in state *requested* and rings vessel after commit. Idempotent by `order.reference`.

    Raises `UnknownStream`.
    """
    intake.request(order=order, reply_to=reply_to, at=at)


def import_report(*, reference: str) -> ImportReport:
    """Reads how an import stands. Raises `UnknownImport`."""
    return offer.report(offer.find_import(reference))


def unsettled(*, reply_to: str) -> list[str]:
    """Lists references of closed imports that the asker has not acknowledged yet, oldest first."""
    return list(Import.objects.unsettled().asked_by(reply_to).values_list("reference", flat=True))


def acknowledge(*, reference: str, at: datetime) -> None:
    """Notes that the asker has committed the consequences of a closed import. Idempotent.

    Raises `UnknownImport`.
    """
    offer.find_import(reference).acknowledge(at=at)


def stream_version(*, channel: str, stream: str) -> str:
    """Gives the identifier of the version a stream points to. Raises `UnknownStream`."""
    return str(offer.version_of(channel=channel, stream=stream))


def published_packages(
    *, channel: str, stream: str, architecture: str, source_name: str = "", source_names: Collection[str] = ()
) -> tuple[str, list[PublishedPackage]]:
    """Gives the version a stream points to and what it holds for one architecture, by name.

    With `source_name`, or `source_names`, only the packages of these sources. Raises `UnknownStream`.
    """
    version = offer.version_of(channel=channel, stream=stream)
    sources = {*source_names, *([source_name] if source_name else [])}
    return str(version), offer.packages(version, architecture=architecture, source_names=sources)


def index_uri(*, channel: str, version: str, architecture: str) -> str:
    """Gives the address of an immutable index, `<repository>/<channel>/history/<version>/<arch>/stone.index`."""
    return tree.index_uri(channel=channel, version=version, architecture=architecture)
