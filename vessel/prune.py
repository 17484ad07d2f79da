"""Retention: takes old versions that nothing names off the shelf, then the files that no kept version holds.

Rows stay, marked as pruned, so that what was published when can always be told. The channel's lock is held for each
channel, and imports store their stones under the same lock, so a file is never removed between its arrival and the
version that names it.
"""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from vessel import disk, tree
from vessel.locks import channel_lock
from vessel.models import Channel, Import, Membership, Stone, Version
from vessel.publish import finish_unfinished

log = logging.getLogger(__name__)


def prune(*, retention: timedelta, at: datetime) -> None:
    """Prunes every channel. Raises `OSError` when the disk fails; going on later is safe."""
    for channel in Channel.objects.by_name():
        with channel_lock(channel.name):
            finish_unfinished(channel, at=at)
            _prune_versions(channel, before=at - retention, at=at)
            _prune_stones(channel, at=at)
            tree.clear_leftovers(channel)


def _prune_versions(channel: Channel, *, before: datetime, at: datetime) -> None:
    with transaction.atomic():
        Channel.objects.select_for_update().get(pk=channel.pk)
        doomed = list(Version.objects.filter(channel=channel).prunable(before=before).values_list("pk", flat=True))
        for start in range(0, len(doomed), 500):
            Version.objects.filter(pk__in=doomed[start : start + 500]).update(pruned_at=at)
    tree.switch(channel)  # first nobody is sent there, then it goes
    kept = {str(pk) for pk in Version.objects.filter(channel=channel).kept().values_list("pk", flat=True)}
    history = tree.channel_dir(channel.name) / tree.HISTORY
    for directory in history.iterdir() if history.is_dir() else ():
        if not directory.name.startswith(".") and directory.name not in kept:
            disk.remove_tree(directory)
    if doomed:
        log.info("channel %s: pruned %d versions", channel, len(doomed))


def _prune_stones(channel: Channel, *, at: datetime) -> None:
    doomed = unreferenced(channel)
    with transaction.atomic():
        for start in range(0, len(doomed), 500):
            batch = [stone.pk for stone in doomed[start : start + 500]]
            Stone.objects.filter(pk__in=batch).update(pruned_at=at)
    # The rows go first: a stone that comes again while its file is still there only has to be marked again.
    base = tree.channel_dir(channel.name)
    for stone in doomed:
        (base / stone.pool_path).unlink(missing_ok=True)
    if doomed:
        log.info("channel %s: pruned %d stones", channel, len(doomed))


def unreferenced(channel: Channel) -> list[Stone]:
    """Lists stored stones that are in no kept version of their channel and in no open import."""
    after = Version.objects.filter(lineage=OuterRef("stream"), pk__gte=OuterRef("added_in"), pruned_at__isnull=True)
    between = after.filter(pk__lt=OuterRef("removed_in"))
    kept = Membership.objects.filter(stone=OuterRef("pk")).filter(
        Q(removed_in__isnull=True) & Exists(after) | Exists(between)
    )
    wanted = Import.objects.open().filter(stones=OuterRef("pk"))
    return list(Stone.objects.filter(channel=channel).stored().light().filter(~Exists(kept), ~Exists(wanted)))
