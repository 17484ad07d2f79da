"""Which profiles' builds slots may take, for the database: filters that leave out what none of them has room for."""

from collections.abc import Iterable
from math import inf

from django.db.models import Q

from summit.models import Profile, Purpose
from summit.scheduler import Slot


def suits(profile: Profile, slot: Slot) -> bool:
    """Says whether a slot may take builds of a profile, as far as that does not depend on the build."""
    return (
        profile.architecture == slot.architecture
        and (not profile.isa_level or profile.isa_level in slot.isa_levels)
        and (slot.is_official or profile.purpose != Purpose.OFFICIAL)
    )


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
