"""Builder machines and their slots."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models, transaction

from avalanche.models.enrolment import EnrolmentCode
from avalanche.states import OPEN
from avalanche.statuses import Tier
from serpent_infra.wire.builders import EnrolRequest, HostInfo, SlotInfo
from serpent_infra.wire.names import BUILDER_PATTERN
from serpent_infra.wire.tokens import HUB

if TYPE_CHECKING:
    from serpent_infra.accounts.models import User

SEEN_RESOLUTION = timedelta(seconds=2)  # finer than that, a sign of life is not worth a write


class BuilderQuerySet(models.QuerySet["Builder"]):
    """Finds builders by whether they may be spoken to, and makes new ones."""

    def create_with_code(
        self, *, name: str, tier: Tier, owner: "User | None", at: datetime, lifetime: timedelta
    ) -> tuple["Builder", str]:
        """Registers a machine that is yet to join, and gives it with its one-shot code, which is never stored."""
        with transaction.atomic():
            builder = self.create(name=name, tier=tier, owner=owner, created_at=at)
            _, code = EnrolmentCode.issue(builder=builder, at=at, lifetime=lifetime)
        return builder, code

    def enrolled(self) -> Self:
        """Narrows to builders that hold a key."""
        return self.exclude(public_key="")

    def offerable(self) -> Self:
        """Narrows to builders that take new work, as far as their row can tell."""
        return self.enrolled().filter(is_draining=False)

    def with_slot_counts(self) -> Self:
        """Adds `slots_total` and `slots_busy`."""
        current = models.Q(slots__is_retired=False)
        return self.annotate(
            slots_total=models.Count("slots", filter=current, distinct=True),
            slots_busy=models.Count(
                "slots", filter=current & models.Q(slots__attempts__status__in=OPEN), distinct=True
            ),
        )

    def with_latest_sample(self) -> Self:
        """Adds `latest_sample_id`, None before the first sample."""
        from avalanche.models.samples import HostSample  # noqa: PLC0415 - samples refer to builders

        newest = HostSample.objects.filter(builder=models.OuterRef("pk")).order_by("-at")
        return self.annotate(latest_sample_id=models.Subquery(newest.values("pk")[:1]))


class Builder(models.Model):
    """A machine that builds: a guest with a key, a broker account and slots."""

    name = models.CharField(max_length=63, unique=True, validators=[RegexValidator(BUILDER_PATTERN)])
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="builders"
    )
    tier = models.CharField(max_length=16, choices=[(tier.value, tier.value) for tier in Tier], default=Tier.TEST.value)
    public_key = models.CharField(max_length=43, blank=True, editable=False)
    broker_password_hash = models.CharField(max_length=64, blank=True, editable=False)
    architecture = models.CharField(max_length=32, blank=True)
    isa_levels = models.JSONField(default=list, blank=True)
    address = models.CharField(max_length=300, blank=True, help_text="The base URI where vessel fetches artefacts.")
    host = models.JSONField(default=dict, blank=True, editable=False)
    is_draining = models.BooleanField(default=False, help_text="Finishes what runs and is offered nothing more.")
    created_at = models.DateTimeField(editable=False)
    enrolled_at = models.DateTimeField(null=True, blank=True, editable=False)
    seen_at = models.DateTimeField(null=True, blank=True, editable=False)

    # Added by `with_slot_counts()` and `with_latest_sample()`.
    slots_total: int
    slots_busy: int
    latest_sample_id: int | None

    objects = BuilderQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(name__regex=BUILDER_PATTERN), name="builder_name_is_a_path_component"
            ),
            # `hub` signs the hub's own tokens.
            models.CheckConstraint(condition=~models.Q(name=HUB), name="builder_is_not_the_hub"),
            models.CheckConstraint(condition=models.Q(tier__in=list(Tier)), name="builder_tier_is_known"),
            models.UniqueConstraint(
                fields=["public_key"], condition=~models.Q(public_key=""), name="one_builder_per_public_key"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_enrolled(self) -> bool:
        """Says whether the builder holds a key by which it may speak."""
        return bool(self.public_key)

    @property
    def host_info(self) -> HostInfo | None:
        """Gives what the machine said of itself, None before it enrolled."""
        return HostInfo(**self.host) if self.host else None

    @property
    def broker_prefix(self) -> str:
        """Gives the prefix of every key that this builder may touch on the broker."""
        return f"{self.name}."

    def enrol(self, request: EnrolRequest, *, broker_password_hash: str, at: datetime) -> None:
        """Takes the machine in: its key, address and slots; a second enrolment replaces the first."""
        with transaction.atomic():
            type(self).objects.filter(pk=self.pk).update(
                public_key=request.public_key,
                broker_password_hash=broker_password_hash,
                architecture=request.architecture,
                isa_levels=list(request.isa_levels),
                address=request.address.rstrip("/"),
                enrolled_at=at,
                seen_at=at,
            )
            self.declare(slots=request.slots, host=request.host)
        self.refresh_from_db()

    def declare(self, *, slots: tuple[SlotInfo, ...], host: HostInfo) -> None:
        """Notes what the machine is and which slots it has; slots it no longer names are retired, never deleted."""
        with transaction.atomic():
            type(self).objects.filter(pk=self.pk).update(
                host={name: getattr(host, name) for name in host.__struct_fields__}
            )
            for slot in slots:
                self.slots.update_or_create(
                    index=slot.index,
                    defaults={"cpus": list(slot.cpus), "memory_limit": slot.memory_limit, "is_retired": False},
                )
            self.slots.exclude(index__in=[slot.index for slot in slots]).update(is_retired=True)

    def note_seen(self, *, at: datetime) -> None:
        """Notes a sign of life."""
        if self.seen_at is None or at - self.seen_at >= SEEN_RESOLUTION:
            type(self).objects.filter(pk=self.pk).update(seen_at=at)
            self.seen_at = at

    def drain(self) -> None:
        """Offers the builder nothing more; what runs there is finished."""
        type(self).objects.filter(pk=self.pk).update(is_draining=True)
        self.is_draining = True

    def resume(self) -> None:
        """Offers the builder work again."""
        type(self).objects.filter(pk=self.pk).update(is_draining=False)
        self.is_draining = False

    def demote(self) -> None:
        """Trusts the builder with test builds only, from the next offer on."""
        type(self).objects.filter(pk=self.pk).update(tier=Tier.TEST)
        self.tier = Tier.TEST

    def revoke(self) -> None:
        """Forgets the builder's key and broker password: nothing it says is believed until it enrols anew."""
        type(self).objects.filter(pk=self.pk).update(public_key="", broker_password_hash="")
        self.public_key = self.broker_password_hash = ""


class SlotQuerySet(models.QuerySet["Slot"]):
    """Finds slots by whether they have work."""

    def current(self) -> Self:
        """Narrows to slots that their builder still declares."""
        return self.filter(is_retired=False)

    def idle(self) -> Self:
        """Narrows to current slots without an open attempt."""
        return self.current().exclude(attempts__status__in=OPEN)


class Slot(models.Model):
    """One place of a builder where one attempt at a time runs."""

    builder = models.ForeignKey(Builder, on_delete=models.CASCADE, related_name="slots")
    index = models.PositiveIntegerField()
    cpus = models.JSONField(default=list, blank=True)
    memory_limit = models.PositiveBigIntegerField(default=0)
    is_retired = models.BooleanField(default=False)

    objects = SlotQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["builder", "index"], name="one_slot_of_an_index_per_builder"),
        ]

    def __str__(self) -> str:
        return f"{self.builder}/{self.index}"
