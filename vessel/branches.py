"""Branches of a stream: begun at the cost of a pointer, published to like any other, then merged or dropped as one.

Nothing of a branch reaches the stream it came from until it is merged: one new version of that stream then holds all
of the branch's packages at once. Every step may be repeated; who does finds what the first one did.
"""

from datetime import datetime

from django.db import transaction

from serpent_infra.formats.root_index import is_identifier
from vessel import disk, tree
from vessel.collection import Item, merge
from vessel.locks import channel_lock
from vessel.models import Branch, Channel, Import, Stream, Version
from vessel.orders import ChannelMismatch, Merge, UnknownStream
from vessel.publish import contents_of, finish, finish_unfinished, make_version


def begin(*, channel: str, stream: str, branch: str, at: datetime) -> None:
    """Makes a branch that holds what a stream holds now. One that is there with nothing of its own begins anew.

    Raises `UnknownStream`, `ChannelMismatch` where the name is another stream's or a dropped branch's, `ValueError` for
    a name that cannot be a directory, `OSError` when the disk fails.
    """
    if not is_identifier(branch):
        raise ValueError(f"{branch!r} is no name for a stream")
    with channel_lock(channel):
        source, _ = _stream(channel, stream)
        finish_unfinished(source.channel, at=at)
        source, origin = _stream(channel, stream)
        with transaction.atomic():
            pointer, is_new = Stream.objects.get_or_create(
                channel=source.channel,
                name=branch,
                defaults={"moved_at": at, "architectures": source.architectures, "version": source.version},
            )
            if is_new:
                Branch.objects.create(stream=pointer, origin=origin, created_at=at)
            else:
                _begin_anew(pointer, source, origin, at=at)
        tree.switch(source.channel)


def _begin_anew(pointer: Stream, source: Stream, origin: Version, *, at: datetime) -> None:
    found = Branch.objects.filter(stream=pointer).first()
    if found is None:
        raise ChannelMismatch(f"stream {pointer} is no branch, or was dropped before it was one")
    if found.dropped_at is not None:
        raise ChannelMismatch(f"stream {pointer} was a branch and is dropped: its name is not used again")
    if pointer.version_id == found.origin_id and found.origin_id != origin.pk:
        Branch.objects.filter(pk=found.pk).update(origin=origin)
        Stream.objects.filter(pk=pointer.pk).update(version=origin, architectures=source.architectures, moved_at=at)


def merge_into(*, channel: str, branch: str, stream: str, who: str, why: str, at: datetime) -> Merge:
    """Publishes all that a branch changed in one new version of a stream, or in none where that changes nothing.

    What the stream has newer, or has let go of, meanwhile stays as it is there, and the result says so. Merging again
    changes nothing and gives the same result. Raises `UnknownStream`, `ChannelMismatch` for a stream that is no branch,
    `NotAdmissible`, and `OSError` when the disk fails, with the rows taken back.
    """
    with channel_lock(channel):
        target, _ = _stream(channel, stream)
        finish_unfinished(target.channel, at=at)
        found = _branch(channel, branch)
        if found.merged_in_id is None:
            version = _begin_merge(found, *_stream(channel, stream), who=who, why=why, at=at)
            if version is not None:
                finish(version, at=at)
            found.refresh_from_db()
        return Merge(version=str(found.merged_in_id), kept=tuple(found.kept))


def _begin_merge(
    found: Branch, target: Stream, current: Version, *, who: str, why: str, at: datetime
) -> Version | None:
    """Commits the rows of the version that merges; None where the target holds everything already."""
    present = contents_of(current)
    tip = found.stream.version or found.origin
    merged = merge(origin=contents_of(found.origin), branch=contents_of(tip), target=present)
    kept = [_named(item) for item in merged.kept]
    kept += [f"{_named(item)}, which has left it since" for item in merged.withdrawn]
    with transaction.atomic():
        Channel.objects.select_for_update().get(pk=target.channel_id)
        version = None
        if merged.contents != present:
            version = make_version(target, present, merged.contents, summary=why[:500], at=at)
        Branch.objects.filter(pk=found.pk).update(merged_in=version or current, merged_by=who, kept=kept)
    return version


def _named(item: Item) -> str:
    return f"{item.source_name} {item.version}-{item.release} (build {item.build_release})"


def drop(*, channel: str, branch: str, at: datetime) -> bool:
    """Takes a branch away, merged or not, with the versions only it had; False while imports into it are under way.

    Rows stay, marked as pruned; prune removes the files of stones that no kept version holds. Dropping again changes
    nothing, and the name of what was never begun is used up, so that nobody begins it late. Raises `OSError` when the
    disk fails; dropping again goes on.
    """
    with channel_lock(channel):
        found = Branch.objects.select_related("stream__channel").filter(
            stream__channel__name=channel, stream__name=branch
        )
        one = found.first()
        if one is None:
            for home in Channel.objects.filter(name=channel):
                Stream.objects.get_or_create(channel=home, name=branch, defaults={"moved_at": at})
            return True
        home = one.stream.channel
        finish_unfinished(home, at=at)
        with transaction.atomic():
            Channel.objects.select_for_update().get(pk=home.pk)
            if Import.objects.open().filter(stream=one.stream).exists():
                return False
            found.live().update(dropped_at=at)
            Stream.objects.filter(pk=one.stream_id, version__isnull=False).update(version=None, moved_at=at)
            doomed = list(Version.objects.filter(lineage=one.stream).kept().unnamed().values_list("pk", flat=True))
            Version.objects.filter(pk__in=doomed).update(pruned_at=at)
        tree.switch(home)  # first nobody is sent there, then it goes
        for version in Version.objects.filter(lineage=one.stream, pruned_at__isnull=False):
            disk.remove_tree(tree.channel_dir(home.name) / tree.HISTORY / str(version.pk))
        return True


def _stream(channel: str, stream: str) -> tuple[Stream, Version]:
    """Finds a stream and the version it points to."""
    found = Stream.objects.named(channel, stream).select_related("channel", "version").first()
    if found is None or found.version is None:
        raise UnknownStream(f"there is no stream {channel}/{stream}")
    return found, found.version


def _branch(channel: str, branch: str) -> Branch:
    """Finds a branch, dropped or not: what it was merged in can be asked for ever."""
    found = (
        Branch.objects.select_related("stream__version", "origin")
        .filter(stream__channel__name=channel, stream__name=branch)
        .first()
    )
    if found is None:
        _stream(channel, branch)
        raise ChannelMismatch(f"stream {channel}/{branch} is no branch")
    if found.dropped_at is not None and found.merged_in_id is None:
        raise UnknownStream(f"branch {channel}/{branch} is dropped")
    return found
