"""Makes a new version of a channel out of verified imports, as one operation that a crash cannot halve.

First the rows: the version, incomplete, and its memberships, which no reader of another version can see. Then its
indexes on disk. Then, in one transaction, the version is complete, its stream points to it and its imports are
published. Last, the pointers on disk follow. Wherever it stops, clients see the old version or the new one, and
`finish_unfinished` goes on from there: every step may be repeated. What the disk refuses is taken back instead.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.root_index import is_identifier
from vessel import doorbell, tree
from vessel.collection import Changes, Contents, Item, Key, NotAdmissible, admit, difference
from vessel.locks import channel_lock
from vessel.models import Absence, Branch, Channel, Import, Membership, Stone, Stream, StreamMove, Version, Withdrawal
from vessel.models.versions import MembershipQuerySet
from vessel.orders import ChannelMismatch

log = logging.getLogger(__name__)

BATCH = 500  # rows a statement, which every database takes


def publish_ready(stream: Stream, *, at: datetime) -> Version | None:
    """Publishes all verified imports of a stream in one new version, or in none where they change nothing.

    An import that may not follow what the stream holds is refused by itself. Raises `OSError` when the disk fails,
    with the rows taken back.
    """
    with channel_lock(stream.channel.name):
        finish_unfinished(stream.channel, at=at)
        version = _begin(stream, at=at)
        if version is not None:
            finish(version, at=at)
        return version


def begin_stream(*, channel: str, stream: str, architectures: Iterable[str], official: bool, at: datetime) -> Stream:
    """Makes channel and stream where missing, and an empty first version on disk; idempotent.

    A stream that is there already costs one query and no lock. Making one waits for the channel's publisher, and is
    not for the inside of a transaction, which the publisher may be waiting for.
    Raises `ChannelMismatch`, `ValueError` for a name that cannot be a directory, `OSError` when the disk fails.
    """
    present = Stream.objects.named(channel, stream).select_related("channel").first()
    if present is not None and present.version_id and present.architectures == _architectures(present, architectures):
        _check_official(present.channel, official=official)
        return present
    for name in (channel, stream):
        if not is_identifier(name):
            raise ValueError(f"{name!r} is no name for a channel or stream")
    with channel_lock(channel):
        with transaction.atomic():
            home, _ = Channel.objects.get_or_create(name=channel, defaults={"is_official": official, "created_at": at})
            _check_official(home, official=official)
            pointer, _ = Stream.objects.get_or_create(channel=home, name=stream, defaults={"moved_at": at})
            if Branch.objects.filter(stream=pointer, dropped_at__isnull=False).exists():
                raise ChannelMismatch(f"stream {pointer} was a branch and is dropped: its name is not used again")
            wanted = _architectures(pointer, architectures)
            is_grown = wanted != pointer.architectures
            pointer.architectures = wanted
            pointer.save(update_fields=["architectures"])
        finish_unfinished(home, at=at)
        pointer.refresh_from_db()
        if pointer.version is None or is_grown:
            contents = contents_of(pointer.version) if pointer.version else {}
            with transaction.atomic():
                version = make_version(pointer, contents, contents, at=at)
            finish(version, at=at)
            pointer.refresh_from_db()
        else:
            tree.switch(home)
        return pointer


def _architectures(stream: Stream, more: Iterable[str]) -> list[str]:
    return sorted({tree.BASE_ARCHITECTURE, *stream.architectures, *more})


def _check_official(channel: Channel, *, official: bool) -> None:
    if channel.is_official != official:
        raise ChannelMismatch(f"channel {channel} is {'official' if channel.is_official else 'not official'}")


def finish_unfinished(channel: Channel, *, at: datetime) -> None:
    """Completes what a crashed publisher has begun; the caller holds the channel's lock. Raises `OSError`."""
    for version in Version.objects.filter(channel=channel).incomplete().select_related("channel", "lineage"):
        log.info("finishing version %s of %s", version, channel)
        finish(version, at=at)


def contents_of(version: Version) -> dict[Key, Item]:
    """Reads what a version holds, by name and architecture."""
    return _contents(Membership.objects.of(version))


def _contents(members: MembershipQuerySet) -> dict[Key, Item]:
    rows = members.values_list(
        "name",
        "architecture",
        "stone__source_name",
        "stone__version",
        "stone__release",
        "stone__build_release",
        "stone__sha256",
        "stone__size",
        "stone_id",
    )
    return {
        (name, architecture): Item(
            name=name,
            architecture=architecture,
            source_name=source_name,
            version=version,
            release=release,
            build_release=build_release,
            sha256=sha256,
            size=size,
            stone=stone,
        )
        for name, architecture, source_name, version, release, build_release, sha256, size, stone in rows
    }


def _begin(stream: Stream, *, at: datetime) -> Version | None:
    """Commits the rows of the next version; closes imports that need none."""
    stream.refresh_from_db()
    if stream.version is None:
        raise RuntimeError(f"stream {stream} has not begun")
    present = contents_of(stream.version)  # before the transaction: it never changes, and SQLite has one writer
    with transaction.atomic():
        Channel.objects.select_for_update().get(pk=stream.channel_id)
        contents: Contents = present
        taken: dict[int, list[Item]] = {}  # by import, what leaves with it
        for subject in Import.objects.ready(stream):
            before = contents
            try:
                contents = admit(before, [_item(stone) for stone in subject.stones.light()])
            except NotAdmissible as error:
                subject.refuse(problem=str(error), at=at)
                doorbell.ring(subject.reply_to, reference=subject.reference)
            else:
                taken[subject.pk] = [before[key] for key in sorted(before.keys() - contents.keys())]
        if difference(present, contents).is_empty:
            for subject in Import.objects.filter(pk__in=taken).order_by("pk"):
                subject.publish(version=stream.version, at=at)
                doorbell.ring(subject.reply_to, reference=subject.reference)
            return None
        version = make_version(stream, present, contents, at=at)
        Import.objects.filter(pk__in=taken).update(version=version)
        for key, leaving in taken.items():
            if names := [item.name for item in leaving if item.key not in contents]:
                Import.objects.filter(pk=key).update(removed=names)
        return version


def _item(stone: Stone) -> Item:
    return Item(
        name=stone.name,
        architecture=stone.architecture,
        source_name=stone.source_name,
        version=stone.version,
        release=stone.release,
        build_release=stone.build_release,
        sha256=stone.sha256,
        size=stone.size,
        stone=stone.pk,
    )


def make_version(stream: Stream, present: Contents, contents: Contents, *, summary: str = "", at: datetime) -> Version:
    """Makes the rows of a version with these contents, at the cost of its difference to the lineage's head.

    The caller finishes it (`finish`) once the rows are committed. `present` is what the stream holds now.
    """
    changes = difference(present, contents)
    architectures = {*stream.architectures, tree.BASE_ARCHITECTURE, *(architecture for _, architecture in contents)}
    version = Version.begin(
        channel=stream.channel,
        lineage=stream,
        parent=stream.version,
        base=_base(stream),
        architectures=sorted(architectures),
        summary=summary or (changes.summary if stream.version else "the stream begins"),
        added=len(changes.added),
        upgraded=len(changes.replaced),
        removed=len(changes.removed),
        packages=len(contents),
        size=sum(item.size for item in contents.values()),
        at=at,
    )
    _join_and_leave(version, stream, changes if _is_head(stream) else difference(_head(stream), contents))
    return version


def _is_head(stream: Stream) -> bool:
    """Says whether a stream points to the head of its own lineage, as it does unless somebody has moved it.

    A branch, which nobody moves, always does: before its first own version that is its origin.
    """
    return stream.version is not None and (
        _base(stream) is not None
        or (
            stream.version.lineage_id == stream.pk
            and not Version.objects.complete().filter(lineage=stream, pk__gt=stream.version.pk).exists()
        )
    )


def _base(stream: Stream) -> Version | None:
    """Gives what the versions of a branch lie over; None for other streams, and for a branch of a branch: a copy."""
    branch = Branch.objects.select_related("origin").filter(stream=stream).first()
    return branch.origin if branch is not None and branch.origin.base_id is None else None


def _head(stream: Stream) -> Contents:
    return _contents(Membership.objects.current(stream))


def _join_and_leave(version: Version, stream: Stream, changes: Changes) -> None:
    """Ends and begins the memberships by which a version differs from the head of its lineage."""
    leaving = defaultdict(list)
    for item in (*changes.removed, *(change.old for change in changes.replaced)):
        leaving[item.architecture].append(item.name)
    for architecture, names in leaving.items():
        for start in range(0, len(names), BATCH):
            Membership.objects.current(stream).filter(
                architecture=architecture, name__in=names[start : start + BATCH]
            ).update(removed_in=version)
    if version.base is not None:  # what the base holds goes on being there unless it is said to be absent
        Absence.objects.bulk_create(
            (
                Absence(stream=stream, name=item.name, architecture=item.architecture, since=version)
                for item in changes.removed
            ),
            batch_size=BATCH,
            ignore_conflicts=True,
        )
    joining = (*changes.added, *(change.new for change in changes.replaced))
    Membership.objects.bulk_create(
        (
            Membership(
                stream=stream, stone_id=item.stone, name=item.name, architecture=item.architecture, added_in=version
            )
            for item in joining
        ),
        batch_size=BATCH,
    )


def finish(version: Version, *, at: datetime) -> None:
    """Writes a begun version's indexes, moves its stream and publishes its imports, then the pointers on disk.

    The caller holds the channel's lock. Raises `OSError` or `FormatError`, with the rows taken back.
    """
    try:
        tree.write_history(version)
    except (OSError, FormatError) as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or error
        _take_back(version, problem=f"the indexes could not be written: {reason}", at=at)
        raise
    with transaction.atomic():
        if not Version.objects.filter(pk=version.pk, completed_at__isnull=True).update(completed_at=at):
            return
        Stream.objects.filter(pk=version.lineage_id).update(version=version, moved_at=at)
        StreamMove.objects.create(
            stream=version.lineage,
            from_version_id=version.parent_id,
            to_version=version,
            who=_who(version),
            why=version.summary,
            moved_at=at,
        )
        for subject in Import.objects.open().filter(version=version):
            subject.publish(version=version, at=at)
            doorbell.ring(subject.reply_to, reference=subject.reference)
    version.refresh_from_db()
    tree.switch(version.channel)


def _who(version: Version) -> str:
    """Names the person who had a version made, by a merge or a withdrawal; "" where imports did."""
    merged = Branch.objects.filter(merged_in=version).values_list("merged_by", flat=True)
    return "".join([*merged, *Withdrawal.objects.filter(version=version).values_list("who", flat=True)])


def _take_back(version: Version, *, problem: str, at: datetime) -> None:
    """Undoes the rows of a version that never became complete; its imports try again later."""
    with transaction.atomic():
        Membership.objects.filter(added_in=version).delete()
        Membership.objects.filter(removed_in=version).update(removed_in=None)
        Absence.objects.filter(since=version).delete()
        Withdrawal.objects.filter(version=version).delete()
        subjects = list(Import.objects.open().filter(version=version))
        Import.objects.filter(version=version).update(version=None, removed=[])
        Branch.objects.filter(merged_in=version).update(merged_in=None, merged_by="", kept=[])
        version.delete()
        for subject in subjects:
            subject.defer(problem=problem, at=at)
            if not subject.is_open:
                doorbell.ring(subject.reply_to, reference=subject.reference)
