"""What people do with versions: move a stream (promote, roll back), tag one, compare two. Pointers only, O(1)."""

from datetime import datetime

from django.db import transaction

from serpent_infra.formats.root_index import is_identifier
from vessel import tree
from vessel.collection import Changes, difference
from vessel.locks import channel_lock
from vessel.models import Branch, Channel, Stream, StreamMove, Tag, Version
from vessel.publish import contents_of, finish_unfinished


class NotMovable(Exception):
    """The stream or tag cannot point there; the text says why."""


def move_stream(
    *, stream: Stream, version: Version, expected: Version | None, who: str, why: str, at: datetime
) -> None:
    """Makes a stream point to a kept version of its channel, in the rows and on disk: promotion, or rollback.

    `expected` is where the mover saw it point. Raises `NotMovable` where it has moved on since, for a branch, and
    where the version is of another channel, incomplete or pruned; `OSError` when the disk fails, and a sweep then
    repairs it.
    """
    with channel_lock(stream.channel.name):
        finish_unfinished(stream.channel, at=at)
        _check_kept(version, stream.channel)
        if Branch.objects.filter(stream=stream).exists():
            raise NotMovable(f"stream {stream} is a branch: it is merged or dropped, never moved")
        with transaction.atomic():
            moved = Stream.objects.filter(pk=stream.pk, version=expected).update(version=version, moved_at=at)
            if not moved:
                raise NotMovable(f"stream {stream} has moved on: it no longer points to {expected}")
            if version != expected:
                StreamMove.objects.create(
                    stream=stream, from_version=expected, to_version=version, who=who, why=why, moved_at=at
                )
        tree.switch(stream.channel)
        stream.refresh_from_db()


def tag_version(*, version: Version, name: str, who: str, at: datetime) -> Tag:
    """Names a version, which is then kept as long as the tag stands. Raises `NotMovable`."""
    if not is_identifier(name):
        raise NotMovable(f"{name!r} is no name for a tag: letters, digits and dashes only")
    with channel_lock(version.channel.name):
        _check_kept(version, version.channel)
        with transaction.atomic():
            tag, is_new = Tag.objects.get_or_create(
                channel=version.channel, name=name, defaults={"version": version, "created_at": at, "who": who}
            )
            if not is_new and tag.version_id != version.pk:
                raise NotMovable(f"tag {name} names {tag.version_id} already; tags stay")
        tree.switch(version.channel)
        return tag


def remove_tag(tag: Tag) -> None:
    """Takes a tag away; its version is then kept as long as any other."""
    with channel_lock(tag.channel.name):
        tag.delete()
        tree.switch(tag.channel)


def compare(old: Version, new: Version) -> Changes:
    """Gives what leads from one version to another, of whatever streams."""
    return difference(contents_of(old), contents_of(new))


def changes_of(version: Version) -> Changes:
    """Gives what a version changed against the one it was built on; everything where it is the first."""
    return difference(contents_of(version.parent) if version.parent else {}, contents_of(version))


def _check_kept(version: Version, channel: Channel) -> None:
    version.refresh_from_db()
    if version.channel_id != channel.pk:
        raise NotMovable(f"version {version} is not one of channel {channel}")
    if not version.is_kept:
        raise NotMovable(f"version {version} is {'pruned' if version.pruned_at else 'incomplete'}")
