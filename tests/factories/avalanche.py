"""Makes builders, orders, attempts and reports as tests need them, all at the same hour."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from avalanche.models import Attempt, Builder, HostSample, Slot
from avalanche.states import AttemptState
from avalanche.statuses import Tier
from serpent_infra.wire import builders as wire
from serpent_infra.wire import tokens
from serpent_infra.wire.orders import BuildOrder, BuildPurpose, Limits, RemoteIndex, Source
from serpent_infra.wire.reports import (
    ArtefactInfo,
    ArtefactKind,
    BuildReport,
    Failure,
    FailureKind,
    Outcome,
    PhaseTime,
)

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
GIB = 2**30
LEASE = timedelta(seconds=45)
PATIENCE = timedelta(seconds=60)
REPLY_TO = "tests.settle"


def make_key(builder: str) -> Ed25519PrivateKey:
    """The private key of a builder that the factories made: always the same for one name."""
    return Ed25519PrivateKey.from_private_bytes(builder.encode().ljust(32, b".")[:32])


def make_host(**changes: object) -> wire.HostInfo:
    facts: dict[str, object] = {
        "hostname": "kiln",
        "cpu_model": "Example 4000",
        "cpu_cores": 4,
        "cpu_threads": 8,
        "memory_total": 32 * GIB,
        "disk_total": 500 * GIB,
        "kernel": "Linux 6.18",
        "isolation": "nspawn",
    }
    return wire.HostInfo(**{**facts, **changes})  # type: ignore[arg-type]


def make_slots(count: int) -> tuple[wire.SlotInfo, ...]:
    return tuple(wire.SlotInfo(index=index, cpus=(index,), memory_limit=8 * GIB) for index in range(count))


def make_enrol_request(code: str, *, name: str = "kiln", slots: int = 2, **changes: object) -> wire.EnrolRequest:
    facts: dict[str, object] = {
        "code": code,
        "public_key": tokens.public_text(make_key(name)),
        "address": f"http://{name}.example:8002",
        "architecture": "x86_64",
        "isa_levels": ("x86_64", "x86_64-v2"),
        "slots": make_slots(slots),
        "host": make_host(),
    }
    return wire.EnrolRequest(**{**facts, **changes})  # type: ignore[arg-type]


def make_sample(**changes: object) -> wire.HostSample:
    facts: dict[str, object] = {
        "cpu_percent": (10.0, 20.0),
        "load_1m": 0.5,
        "memory_used": 8 * GIB,
        "memory_available": 24 * GIB,
        "disk_used": 100 * GIB,
        "disk_free": 400 * GIB,
    }
    return wire.HostSample(**{**facts, **changes})  # type: ignore[arg-type]


def make_builder(
    name: str = "kiln", *, tier: Tier = Tier.OFFICIAL, slots: int = 2, at: datetime = AT, is_well: bool = True
) -> Builder:
    """An enrolled builder, well and just heard of, unless `is_well` says that it has not measured itself yet."""
    builder, _ = Builder.objects.create_with_code(name=name, tier=tier, owner=None, at=at, lifetime=PATIENCE)
    builder.enrol(make_enrol_request("-" * 16, name=name, slots=slots), broker_password_hash="0" * 64, at=at)
    if is_well:
        HostSample.objects.record(builder=builder, sample=make_sample(), at=at)
    return builder


def make_order(
    attempt: UUID | None = None, *, purpose: BuildPurpose = BuildPurpose.OFFICIAL, **limits: int
) -> BuildOrder:
    return BuildOrder(
        attempt=attempt or uuid4(),
        title="nano 8.6-1 (x86_64)",
        purpose=purpose,
        source=Source(origin_uri="https://git.example/recipes", commit="a" * 40, recipe_path="n/nano/stone.yaml"),
        source_name="nano",
        version="8.6",
        release=1,
        build_release=1,
        architecture="x86_64",
        remotes=(RemoteIndex(name="volatile", index_uri="https://hub.example/stone.index", priority=0),),
        source_date_epoch=1_700_000_000,
        limits=Limits(**limits),
    )


def make_attempt(
    status: AttemptState = AttemptState.OFFERED,
    *,
    slot: Slot | None = None,
    order: BuildOrder | None = None,
    at: datetime = AT,
) -> Attempt:
    """An attempt that went its regular way to `status`, all of it at `at`."""
    place = slot or make_builder(at=at).slots.order_by("index")[0]
    attempt = Attempt.offer(
        order=order or make_order(), task="task-1", reply_to=REPLY_TO, slot=place, at=at, patience=PATIENCE
    )
    if status is AttemptState.EXPIRED:
        attempt.expire(message="nobody came", at=at)
    elif status is not AttemptState.OFFERED:
        attempt.claim(at=at, lease=LEASE)
    match status:
        case AttemptState.SUCCEEDED:
            attempt.succeed(at=at)
        case AttemptState.FAILED:
            attempt.fail(kind=FailureKind.PHASE, message="make: *** [all] Error 1", at=at)
        case AttemptState.CANCELLED:
            attempt.cancel(at=at)
        case AttemptState.LOST:
            attempt.lose(message="gone", at=at)
        case _:
            pass
    return attempt


def make_artefact(name: str = "nano-8.6-1-1-x86_64.stone", *, size: int = 1000) -> ArtefactInfo:
    return ArtefactInfo(kind=ArtefactKind.PACKAGE, name=name, size=size, sha256="b" * 64)


def make_report(attempt: Attempt, outcome: Outcome = Outcome.SUCCEEDED, **changes: object) -> BuildReport:
    """What an honest builder reports of an attempt that it has claimed."""
    failure = Failure(kind=FailureKind.PHASE, message="make: *** [all] Error 1", phase="build", excerpt="error: no")
    facts: dict[str, object] = {
        "attempt": attempt.pk,
        "epoch": attempt.epoch,
        "outcome": outcome,
        "isolation": "nspawn",
        "log_size": 0,
        "phases": (
            PhaseTime(name="setup", seconds=1.5, log_offset=0),
            PhaseTime(name="build", seconds=9, log_offset=40),
        ),
        "artefacts": (make_artefact(),) if outcome is Outcome.SUCCEEDED else (),
        "failure": failure if outcome is Outcome.FAILED else None,
    }
    return BuildReport(**{**facts, **changes})  # type: ignore[arg-type]
