"""Reads of the queue no more than free slots could take, however long it is: the most urgent of each share, and oldest.

A lane is the ready tasks of one profile and share: whichever of them goes, the same slots may take it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce
from math import ceil
from operator import or_

from django.conf import settings
from django.db import connection
from django.db.models import Count, DurationField, ExpressionWrapper, F, Q, Sum

from serpent_infra.wire.reports import INFRASTRUCTURE_FAILURES, FailureKind
from summit import models, second_builds
from summit.fitting import as_ready, room, suits
from summit.models import AttemptRef, BuildTask, Profile
from summit.scheduler import Fleet, Ready, Share, Slot, rank
from summit.states import TaskStatus

# A share's past counts for so long, where shares hold as many slots for their weight.
SERVED_WINDOW = timedelta(hours=1)
# A builder that a recipe's build crashed is avoided for so long.
AVOIDED_FOR = timedelta(days=1)
_BUILDERS_FAULTS = sorted(kind.value for kind in INFRASTRUCTURE_FAILURES - {FailureKind.HUB, FailureKind.OUT_OF_MEMORY})
_SPARE = 4  # rows more than slots, for those that turn out not to fit
_FIELDS = (
    "pk",
    "architecture",
    "purpose",
    "priority",
    "is_expedited",
    "is_security",
    "queued_at",
    "created_at",
    "share",
    "memory_bytes",
    "disk_bytes",
    "recipe_id",
    "profile_id",
)
_Rows = dict[int, BuildTask]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What the scheduler is shown: tasks that may go, what their shares have, and who else is there."""

    ready: Sequence[Ready]
    shares: dict[str, Share] = field(default_factory=dict)
    fleet: Fleet = field(default_factory=Fleet)


def look(free: Sequence[Slot], busy: Sequence[Slot], *, at: datetime) -> Round:
    """Reads one round in a number of queries that depends on the free slots and the shares, never on the queue."""
    profiles = [profile for profile in Profile.objects.running() if any(suits(profile, slot) for slot in free)]
    if not profiles:
        return Round(ready=())
    second = second_builds.look(BuildTask.objects.only(*_FIELDS), profiles, free, at=at)
    lanes = [(profile, share) for profile in profiles for share in _shares(profile)]
    if not lanes and not second.tasks:
        return Round(ready=())
    shares = second.charge(holdings({share for _, share in lanes} | second.shares, at=at))
    lanes.sort(key=lambda lane: (rank(shares[lane[1]]), lane[1], lane[0].pk))
    due = BuildTask.objects.due(at=at).only(*_FIELDS)
    rows = {**second.tasks, **_read(due, lanes, free)}
    avoid = avoided({task.recipe_id for task in rows.values()}, at=at)
    names = {slot.builder for slot in free}
    if any(names & builders for builders in avoid.values()):
        # What crashed a free builder may have to wait for another, and must not hide what has not.
        rows |= _read(due.exclude(recipe__in=_crashed(names, at=at)), lanes, free)
    running = BuildTask.objects.filter(status=TaskStatus.BUILDING, is_security=True).count() + second.security_held
    return Round(
        ready=_as_ready(rows.values(), {profile.pk: profile for profile in profiles}, avoid, second.owners),
        shares=shares,
        fleet=Fleet(busy=busy, security_running=running, security_reserve=settings.SERPENT_SECURITY_RESERVE),
    )


def _read(due: models.tasks.BuildTaskQuerySet, lanes: Sequence[tuple[Profile, str]], free: Sequence[Slot]) -> _Rows:
    """Reads what goes before the shares' turns, and of each lane the most urgent and the oldest."""
    if not lanes:
        return {}
    most = 2 * len(free) + _SPARE
    limit = 2 * ceil(len(free) / len(lanes)) + _SPARE
    fits = {profile: room(profile, free) for profile, _ in lanes}
    urgent = Q(is_expedited=True) | Q(is_security=True)
    first = due.filter(urgent, reduce(or_, fits.values()), profile__in=[profile.pk for profile in fits])
    rows = {task.pk: task for task in first.order_by("-is_expedited", "-priority", "pk")[:most]}
    left = most
    for profile, share in lanes:
        lane = due.filter(fits[profile], profile=profile, share=share)
        found: _Rows = {}
        for order in (("-priority", "pk"), ("queued_at", "pk")):
            found |= {task.pk: task for task in lane.order_by(*order)[:limit]}
        rows |= found
        left -= bool(found)  # a lane in which all rest, or are too big, must not hide the others
        if not left:
            break
    return rows


def _shares(profile: Profile) -> list[str]:
    """Lists the shares with ready tasks by jumping from one to the next in the index: shares are few, tasks many."""
    ready = "profile_id = %s AND status = 'queued' AND blockers = 0"
    table = connection.ops.quote_name(BuildTask._meta.db_table)  # noqa: SLF001 - Django's documented meta API
    statement = f"""
        WITH RECURSIVE found(share) AS (
            SELECT MIN(share) FROM {table} WHERE {ready}
            UNION ALL
            SELECT (SELECT MIN(share) FROM {table} WHERE {ready} AND share > found.share)
            FROM found WHERE found.share IS NOT NULL
        )
        SELECT share FROM found WHERE share IS NOT NULL
    """  # noqa: S608 - nothing but names of ours
    with connection.cursor() as cursor:
        cursor.execute(statement, [profile.pk, profile.pk])
        return [share for (share,) in cursor.fetchall()]


def holdings(keys: Collection[str], *, at: datetime) -> dict[str, Share]:
    """Gives what shares have: their weight, the slots they hold, and where there are several what they got lately."""
    if len(keys) == 1:  # nobody to compare it with
        return dict.fromkeys(keys, Share())
    weights = dict(models.Share.objects.filter(key__in=keys).values_list("key", "weight"))
    building = BuildTask.objects.filter(status=TaskStatus.BUILDING).order_by()
    running = dict(building.values_list("share").annotate(count=Count("pk")))
    took = ExpressionWrapper(F("settled_at") - F("created_at"), output_field=DurationField())
    ended = AttemptRef.objects.filter(settled_at__gte=at - SERVED_WINDOW).order_by()
    served = dict(ended.values_list("task__share").annotate(time=Sum(took)))
    return {
        key: Share(
            weight=weights.get(key, 1.0),
            running=running.get(key, 0),
            served=served.get(key, timedelta()).total_seconds(),
        )
        for key in keys
    }


def _as_ready(
    rows: Collection[BuildTask],
    profiles: Mapping[int, Profile],
    avoid: Mapping[int, set[str]],
    owners: Mapping[int, int],
) -> list[Ready]:
    return [
        as_ready(
            task,
            profiles[task.profile_id],
            avoid=avoid.get(task.recipe_id, ()),
            other_than=owners.get(task.pk),
        )
        for task in rows
    ]


def avoided(recipes: Collection[int] | None = None, *, at: datetime) -> dict[int, set[str]]:
    """Gives by recipe (None: of all) the builders on which a build of it, this one or another, lately came to grief."""
    found: dict[int, set[str]] = {}
    griefs = _griefs(at=at) if recipes is None else _griefs(at=at).filter(task__recipe__in=recipes)
    for recipe, builder in griefs.values_list("task__recipe", "builder"):
        found.setdefault(recipe, set()).add(builder)
    return found


def _crashed(builders: Collection[str], *, at: datetime) -> set[int]:
    """Gives the recipes of which a build lately came to grief on one of the builders."""
    return set(_griefs(at=at).filter(builder__in=builders).values_list("task__recipe", flat=True))


def _griefs(*, at: datetime) -> models.events.AttemptRefQuerySet:
    return AttemptRef.objects.filter(settled_at__gte=at - AVOIDED_FOR, failure_kind__in=_BUILDERS_FAULTS)
