"""Stored builds and the scheduler: how it sees them, and filters that leave out what no free slot has room for."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from math import inf

from django.db.models import Q

from summit.models import BuildTask, Profile, Purpose
from summit.scheduler import Ready, Slot, may_meet

_NEVER = datetime.max.replace(tzinfo=UTC)


def as_ready(task: BuildTask, profile: Profile, *, avoid: Collection[str] = (), other_than: int | None = None) -> Ready:
    """Gives a build of a profile as the scheduler sees it."""
    return Ready(
        key=task.pk or 0,
        architecture=task.architecture,
        isa_level=profile.isa_level,
        is_official=task.purpose == Purpose.OFFICIAL,
        priority=task.priority,
        ready_since=task.queued_at or task.created_at,
        share=task.share,
        is_expedited=task.is_expedited,
        is_security=task.is_security,
        memory=task.memory_bytes,
        disk=task.disk_bytes,
        avoid=frozenset(avoid),
        other_than=other_than,
    )


def any_build(profile: Profile) -> Ready:
    """Gives a build of a profile that asks for nothing else, to see which slots may take builds of it at all."""
    return Ready(
        key=0,
        architecture=profile.architecture,
        isa_level=profile.isa_level,
        is_official=profile.purpose == Purpose.OFFICIAL,
        priority=0.0,
        ready_since=_NEVER,
    )


def suits(profile: Profile, slot: Slot) -> bool:
    """Says whether a slot may take builds of a profile, as far as that does not depend on the build."""
    return may_meet(any_build(profile), slot)


def room(profile: Profile, free: Iterable[Slot]) -> Q:
    """Filters a profile's to what some free slot has room for: what none has must not hide the others."""
    fits = sorted(
        (
            (slot.memory_limit or inf, inf if slot.disk_free is None else slot.disk_free)
            for slot in free
            if suits(profile, slot)
        ),
        reverse=True,
    )
    found, widest = Q(), -inf
    for memory, disk in fits:
        if disk > widest:  # with less memory than those before it counts only for its disk
            widest = disk
            limits = {"memory_bytes__lte": memory, "disk_bytes__lte": disk}
            found |= Q(**{name: limit for name, limit in limits.items() if limit != inf})
    return Q(found, profile=profile)
