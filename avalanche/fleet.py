"""What the fleet looks like: every builder's status, and the slots that may be offered work."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from avalanche.health import Health, Measurement, Tolerance, Vitals, assess
from avalanche.models import Builder, HostSample, Slot
from avalanche.statuses import BuilderStatus, FreeSlot, Tier

SHORTEST_SILENCE = timedelta(seconds=30)
SAMPLES_MISSED = 4


@dataclass(frozen=True, kw_only=True)
class Examined:
    """A builder with its latest sample and the verdict on it."""

    builder: Builder
    sample: HostSample | None
    health: Health


def tolerance() -> Tolerance:
    """Gives what the settings tolerate."""
    missed = timedelta(seconds=SAMPLES_MISSED * settings.SERPENT_SAMPLE_SECONDS)
    return Tolerance(silence=max(SHORTEST_SILENCE, missed), disk_free=settings.SERPENT_MINIMUM_FREE_BYTES)


def examine(builders: Iterable[Builder], *, at: datetime) -> list[Examined]:
    """Judges builders that were read `with_latest_sample()`; one query for the samples of all."""
    found = list(builders)
    keys = [key for builder in found if (key := builder.latest_sample_id) is not None]
    samples = HostSample.objects.in_bulk(keys)
    allowed = tolerance()
    return [_examine(builder, samples, allowed, at) for builder in found]


def can_work(builder: Builder, *, at: datetime) -> bool:
    """Says whether one builder may be offered work; one query."""
    sample = HostSample.objects.newest_of(builder)
    samples = {} if sample is None else {sample.pk: sample}
    builder.latest_sample_id = None if sample is None else sample.pk
    return _examine(builder, samples, tolerance(), at).health.can_work


def free_slots(*, at: datetime) -> list[FreeSlot]:
    """Lists the idle slots of builders that are enrolled, online, not draining and have disk, by builder and index."""
    return [slot for slot in working_slots(at=at) if slot.is_idle]


def working_slots(*, at: datetime) -> list[FreeSlot]:
    """Lists all slots of such builders, the busy ones too."""
    candidates = Builder.objects.offerable().with_latest_sample()
    fit = {one.builder.pk: one for one in examine(candidates, at=at) if one.health.can_work}
    idle = set(Slot.objects.idle().filter(builder__in=fit).values_list("pk", flat=True))
    slots = Slot.objects.current().filter(builder__in=fit).order_by("builder__name", "index")
    return [_free_slot(slot, fit[slot.builder_id], is_idle=slot.pk in idle) for slot in slots]


def known_slots(*, since: datetime, at: datetime) -> list[FreeSlot]:
    """Lists all slots of builders that are not draining and were heard of since a moment, fit for work or not."""
    builders = Builder.objects.offerable().with_latest_sample().filter(seen_at__gte=since)
    found = {one.builder.pk: one for one in examine(builders, at=at)}
    slots = Slot.objects.current().filter(builder__in=found).order_by("builder__name", "index")
    return [_free_slot(slot, found[slot.builder_id], is_idle=False) for slot in slots]


def statuses(*, at: datetime) -> list[BuilderStatus]:
    """Lists all builders by name, in two queries."""
    builders = Builder.objects.with_slot_counts().with_latest_sample().order_by("name")
    return [status_of(one) for one in examine(builders, at=at)]


def status_of(one: Examined) -> BuilderStatus:
    """Gives a builder that was read `with_slot_counts()` as the fleet strip shows it."""
    builder, sample = one.builder, one.sample
    return BuilderStatus(
        name=builder.name,
        tier=Tier(builder.tier),
        architecture=builder.architecture,
        is_online=one.health.is_online,
        is_draining=builder.is_draining,
        problem=one.health.problem,
        slots_total=builder.slots_total,
        slots_busy=builder.slots_busy,
        disk_used=sample.disk_used if sample else None,
        disk_free=sample.disk_free if sample else None,
        seen_at=builder.seen_at,
    )


def _examine(builder: Builder, samples: dict[int, HostSample], allowed: Tolerance, at: datetime) -> Examined:
    sample = samples.get(builder.latest_sample_id) if builder.latest_sample_id is not None else None
    host = builder.host_info
    vitals = Vitals(
        is_enrolled=builder.is_enrolled,
        seen_at=builder.seen_at,
        latest=None if sample is None else _measurement(sample),
        cpu_threads=host.cpu_threads if host else 0,
        memory_total=host.memory_total if host else 0,
    )
    return Examined(builder=builder, sample=sample, health=assess(vitals, tolerance=allowed, at=at))


def _measurement(sample: HostSample) -> Measurement:
    return Measurement(
        load_1m=sample.load_1m,
        memory_available=sample.memory_available,
        disk_used=sample.disk_used,
        disk_free=sample.disk_free,
    )


def _free_slot(slot: Slot, one: Examined, *, is_idle: bool) -> FreeSlot:
    return FreeSlot(
        builder=one.builder.name,
        slot=slot.index,
        tier=Tier(one.builder.tier),
        architecture=one.builder.architecture,
        isa_levels=frozenset(one.builder.isa_levels),
        memory_limit=slot.memory_limit,
        disk_free=one.sample.disk_free if one.sample else 0,
        is_idle=is_idle,
        owner=one.builder.owner_id or 0,
    )
