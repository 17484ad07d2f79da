"""summit's side of vessel's door: what a profile's stream offers, import orders, and how imports stand.

The only module of summit that knows vessel.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.script.macros import isa_levels
from serpent_infra.wire.names import ARCHITECTURE_PATTERN, IDENTIFIER_PATTERN
from serpent_infra.wire.orders import RemoteIndex
from serpent_infra.wire.reports import ArtefactInfo, ArtefactKind
from summit.bulk import chunks
from summit.models import AttemptRef, BuildTask, Campaign, Profile, Purpose, Remote, Withdrawal
from vessel import interfaces as vessel
from vessel.interfaces import ImportReport, ImportStatus, Merge, PublishedPackage, Withdrawn

__all__ = [
    "REPLY_TO",
    "ImportReport",
    "ImportStatus",
    "Merge",
    "Offer",
    "PublishedPackage",
    "Stream",
    "StreamUnfit",
    "Withdrawn",
    "acknowledge",
    "branch",
    "drop",
    "ensure_streams",
    "forget",
    "import_of",
    "merge",
    "offer_to",
    "packages_of",
    "published_of",
    "remotes_of",
    "request_import",
    "stream_of",
    "streams_of",
    "unsettled",
    "withdraw",
]

REPLY_TO = "summit.settle_import"
# The stream that a profile publishes to wins over what it layers on.
_OWN_PRIORITY = 100
_KNOWN_LIMIT = 16


@dataclass(frozen=True, kw_only=True)
class Stream:
    """What a stream offers for one architecture at one version."""

    version: str
    by_name: Mapping[str, PublishedPackage]  # the highest release of each name
    by_capability: Mapping[Capability, PublishedPackage]
    build_releases: Mapping[tuple[str, int], int]  # the highest by source name and release


class StreamUnfit(Exception):
    """A profile or a campaign cannot publish where it says; the message says why."""


_known: dict[tuple[str, str, str, str], Stream] = {}


@dataclass(frozen=True, kw_only=True)
class Offer:
    """All that a profile's builds can be resolved against; `knows_all` is false with an index elsewhere."""

    by_capability: Mapping[Capability, PublishedPackage]
    base: frozenset[Capability]
    knows_all: bool

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Everything that is there without building anything."""
        return self.base.union(self.by_capability)


def ensure_streams(profile: Profile, *, at: datetime) -> None:
    """Makes the stream that a profile publishes to where it is missing, and looks for those that it resolves against.

    Raises `StreamUnfit` where the profile cannot publish, or where no order of its builds could be made.
    """
    architectures = (profile.architecture,)
    is_official = profile.purpose == Purpose.OFFICIAL
    if not re.match(ARCHITECTURE_PATTERN, profile.architecture):
        raise StreamUnfit(f"{profile.architecture!r} is no name for an architecture")
    if profile.isa_level and profile.isa_level not in (levels := isa_levels(profile.architecture)):
        known = ", ".join(levels) or "none"
        raise StreamUnfit(f"{profile.isa_level!r} is no level of {profile.architecture} that can be built for: {known}")
    try:
        vessel.ensure_stream(
            channel=profile.channel, stream=profile.stream, architectures=architectures, official=is_official, at=at
        )
    except (vessel.ChannelMismatch, ValueError) as error:
        raise StreamUnfit(f"{profile.channel}/{profile.stream}: {error}") from error
    for remote in profile.remotes.order_by("pk"):
        _check_remote(remote)


def _check_remote(remote: Remote) -> None:
    if not re.match(IDENTIFIER_PATTERN, remote.name):
        raise StreamUnfit(f"its remote {remote.name!r} has a name that none can have: letters, digits and - can")
    if remote.is_ours:
        try:
            vessel.stream_version(channel=remote.channel, stream=remote.stream)
        except vessel.UnknownStream as error:
            place = f"{remote.channel}/{remote.stream}"
            raise StreamUnfit(f"its remote {remote.name}: there is no stream {place}") from error


def branch(campaign: Campaign, *, at: datetime) -> None:
    """Makes a campaign's stream, which begins as what its profile's offers now; raises `StreamUnfit`."""
    profile = campaign.profile
    try:
        vessel.branch_stream(channel=profile.channel, stream=profile.stream, branch=campaign.stream, at=at)
    except (vessel.ChannelMismatch, vessel.UnknownStream) as error:
        raise StreamUnfit(str(error)) from error


def merge(campaign: Campaign, *, who: str, why: str, at: datetime) -> Merge:
    """Publishes all of a campaign in one version of its profile's stream, once; raises `StreamUnfit`."""
    profile = campaign.profile
    try:
        return vessel.merge_branch(
            channel=profile.channel, branch=campaign.stream, stream=profile.stream, who=who, why=why, at=at
        )
    except (vessel.ChannelMismatch, vessel.UnknownStream, vessel.NotAdmissible) as error:
        raise StreamUnfit(str(error)) from error


def drop(campaign: Campaign, *, at: datetime) -> bool:
    """Takes a campaign's stream away; False while something is still being imported into it."""
    return vessel.drop_branch(channel=campaign.profile.channel, branch=campaign.stream, at=at)


def stream_of(profile: Profile, campaign: Campaign | None = None) -> Stream:
    """Reads what the profile's own stream, or a campaign's, offers now; empty where there is no such stream yet."""
    stream = profile.stream if campaign is None else campaign.stream
    return _read(profile.channel, stream, profile.architecture)


def offer_to(profile: Profile, campaign: Campaign | None = None) -> Offer:
    """Joins the profile's own stream, or a campaign's in its place, its other remotes and its base image."""
    by_capability: dict[Capability, PublishedPackage] = {}
    knows_all = True
    for remote in sorted(profile.remotes.all(), key=lambda remote: remote.priority):
        if remote.is_ours:
            by_capability.update(_read(remote.channel, remote.stream, profile.architecture).by_capability)
        else:
            knows_all = False
    by_capability.update(stream_of(profile, campaign).by_capability)
    return Offer(by_capability=by_capability, base=profile.base_capabilities(), knows_all=knows_all)


def packages_of(source_name: str, profile: Profile, campaign: Campaign | None = None) -> list[PublishedPackage]:
    """Lists what the profile's own stream, or a campaign's, offers of one source, by name."""
    try:
        _, packages = vessel.published_packages(
            channel=profile.channel,
            stream=profile.stream if campaign is None else campaign.stream,
            architecture=profile.architecture,
            source_name=source_name,
        )
    except vessel.UnknownStream:
        return []
    return packages


def published_of(source_names: Collection[str], profile: Profile) -> Mapping[str, list[PublishedPackage]]:
    """Gives what the profile's own stream offers of some sources, by source, each by name."""
    found: dict[str, list[PublishedPackage]] = {}
    for names in chunks(sorted(source_names)):
        try:
            _, packages = vessel.published_packages(
                channel=profile.channel,
                stream=profile.stream,
                architecture=profile.architecture,
                source_names=names,
            )
        except vessel.UnknownStream:
            return {}
        for package in packages:
            found.setdefault(package.source_name, []).append(package)
    return found


def streams_of(profile: Profile) -> dict[tuple[str, str], Stream]:
    """Reads all streams of ours that a profile resolves against, its own among them, by channel and name."""
    places = {(remote.channel, remote.stream) for remote in profile.remotes.all() if remote.is_ours}
    places.add((profile.channel, profile.stream))
    return {place: _read(*place, profile.architecture) for place in sorted(places)}


def withdraw(withdrawal: Withdrawal, *, who: str, at: datetime) -> Withdrawn:
    """Takes packages of one source out of a profile's stream, once; raises `StreamUnfit`, its message says why."""
    profile = withdrawal.profile
    try:
        return vessel.withdraw_packages(
            order=vessel.WithdrawalOrder(
                reference=withdrawal.reference,
                channel=profile.channel,
                stream=profile.stream,
                architecture=profile.architecture,
                source_name=withdrawal.source_name,
                seen=tuple(withdrawal.packages),
                who=who,
                why=withdrawal.reason,
            ),
            at=at,
        )
    except (vessel.ChannelMismatch, vessel.UnknownStream, vessel.NotAdmissible) as error:
        raise StreamUnfit(str(error)) from error


def remotes_of(profile: Profile, campaign: Campaign | None = None) -> tuple[RemoteIndex, ...]:
    """Gives a profile's remotes, the larger priority first, each of ours pinned to the version it points to now.

    A campaign's stream stands in the place of the profile's own.
    """
    own = profile.stream if campaign is None else campaign.stream
    found = []
    for name, channel, stream, uri, priority in (
        (f"{profile.channel}-{own}", profile.channel, own, "", _OWN_PRIORITY),
        *((row.name, row.channel, row.stream, row.index_uri, row.priority) for row in profile.remotes.all()),
    ):
        address = uri or vessel.index_uri(
            channel=channel,
            version=vessel.stream_version(channel=channel, stream=stream),
            architecture=profile.architecture,
        )
        found.append(RemoteIndex(name=name[:63], index_uri=address, priority=priority))
    return tuple(sorted(found, key=lambda remote: -remote.priority))


def request_import(
    *, reference: AttemptRef, artefacts: tuple[ArtefactInfo, ...], base_uri: str, audience: str, at: datetime
) -> str:
    """Orders what an attempt built to be published; gives the import's reference. Asking twice changes nothing."""
    task = reference.task
    name = reference.attempt.hex
    vessel.request_import(
        order=vessel.ImportOrder(
            reference=name,
            channel=task.profile.channel,
            stream=task.stream,
            base_uri=base_uri,
            audience=audience,
            files=tuple(file for file in artefacts if file.kind is ArtefactKind.PACKAGE),
            expected=vessel.Expected(
                source_name=task.source_name,
                version=task.version,
                release=task.release,
                build_release=task.build_release,
                architecture=task.architecture,
                package_names=tuple(task.package_names),
                trusted=task.purpose == Purpose.OFFICIAL,
            ),
            provenance=_provenance(task, reference),
        ),
        reply_to=REPLY_TO,
        at=at,
    )
    return name


def import_of(reference: str) -> ImportReport | None:
    """Reads how an import stands, None where vessel knows of none."""
    try:
        return vessel.import_report(reference=reference)
    except vessel.UnknownImport:
        return None


def unsettled() -> list[str]:
    """Lists closed imports whose consequences are not committed here."""
    return vessel.unsettled(reply_to=REPLY_TO)


def acknowledge(reference: str, *, at: datetime) -> None:
    """Tells vessel that an import's consequences are committed."""
    vessel.acknowledge(reference=reference, at=at)


def _read(channel: str, stream: str, architecture: str) -> Stream:
    """Reads a stream's packages; a version never changes, so each is read once a process."""
    try:
        place = (channel, stream, architecture, vessel.stream_version(channel=channel, stream=stream))
        if place in _known:
            return _known[place]
        version, packages = vessel.published_packages(channel=channel, stream=stream, architecture=architecture)
    except vessel.UnknownStream:
        return Stream(version="", by_name={}, by_capability={}, build_releases={})
    while len(_known) >= _KNOWN_LIMIT:
        _known.pop(next(iter(_known)), None)
    found = _known[channel, stream, architecture, version] = _digest(version, packages)
    return found


def forget() -> None:
    """Drops what is remembered of versions read."""
    _known.clear()


def _digest(version: str, packages: list[PublishedPackage]) -> Stream:
    by_name: dict[str, PublishedPackage] = {}
    by_capability: dict[Capability, PublishedPackage] = {}
    build_releases: dict[tuple[str, int], int] = {}
    for package in packages:
        known = by_name.get(package.name)
        if known is None or known.release < package.release:
            by_name[package.name] = package
        for capability in package.provides:
            by_capability[capability] = package
        build = (package.source_name, package.release)
        build_releases[build] = max(package.build_release, build_releases.get(build, 0))
    return Stream(version=version, by_name=by_name, by_capability=by_capability, build_releases=build_releases)


def _provenance(task: BuildTask, reference: AttemptRef) -> dict[str, str]:
    repository = task.recipe.repository
    return {
        "project": repository.project.slug,
        "repository": repository.public_origin_uri,
        "recipe": task.recipe_path,
        "commit": task.commit,
        "builder": reference.builder,
        "attempt": str(reference.attempt),
        "task": str(task.pk),
    }
