"""Campaigns: a chosen set of recipes rebuilt in a stream of their own, published as one or abandoned as one."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.urls import reverse

from summit import permissions
from summit.models.profiles import Profile
from summit.models.repositories import Repository
from summit.states import CAMPAIGN_OPEN, CAMPAIGN_SOURCES, CampaignStatus, IllegalTransition

if TYPE_CHECKING:
    from serpent_infra.accounts.models import User


class CampaignKind(models.TextChoices):
    """What a campaign's argument says of the recipes to rebuild."""

    CAPABILITY = "capability", "what depends on a capability, such as a soname"
    RECIPE = "recipe", "what depends on a recipe, directly"
    REACH = "reach", "what depends on a recipe, at any distance"
    LIST = "list", "the recipes named"
    TREE = "tree", "all recipes"


class CampaignQuerySet(models.QuerySet["Campaign"]):
    """Finds campaigns."""

    def open(self) -> Self:
        """Narrows to those that are not over."""
        return self.filter(status__in=CAMPAIGN_OPEN)

    def latest_first(self) -> Self:
        """Puts the newest first."""
        return self.order_by("-pk")

    def visible_to(self, user: permissions.Viewer) -> Self:
        """Leaves out those that concern a repository which the user may not see."""
        hidden = Repository.objects.exclude(pk__in=Repository.objects.visible_to(user).values("pk"))
        return self.exclude(repositories__in=hidden)

    def with_names(self) -> Self:
        """Fetches what a row of a list shows along with it."""
        return self.select_related("profile__project", "created_by")

    def to_sweep(self) -> Self:
        """Narrows to those for which there may be something to do: not over, or over with a staging stream left."""
        return self.filter(
            Q(status__in=CAMPAIGN_OPEN - {CampaignStatus.DRAFT})
            | Q(status__in=(CampaignStatus.PUBLISHED, CampaignStatus.ABANDONED), dropped_at__isnull=True)
        ).order_by("pk")


class Campaign(models.Model):
    """A mass rebuild. `argument` says which recipes, as `kind` reads it; who may steer it is decided by `repositories`.

    `problem` is the sentence that says why it could not start or be published, "" when it could. `left_out` lists
    [name, why] of recipes that were meant and are not rebuilt, `kept` what the stream had newer when it was published.
    Its builds publish to `stream`, a branch of the profile's own, until `dropped_at`. Nobody assigns `status`.
    """

    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="campaigns")
    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=16, choices=CampaignKind)
    argument = models.TextField(blank=True)
    why = models.TextField(blank=True)
    status = models.CharField(max_length=16, choices=CampaignStatus, default=CampaignStatus.DRAFT)
    problem = models.TextField(blank=True)
    repositories = models.ManyToManyField(Repository, related_name="campaigns")
    left_out = models.JSONField(default=list)
    kept = models.JSONField(default=list)
    published_version = models.CharField(max_length=64, blank=True)
    order_requested_at = models.DateTimeField(null=True, blank=True)
    dropped_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="campaigns"
    )
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField()

    objects = CampaignQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(status__in=CampaignStatus.values), name="campaign_status_is_known"),
            models.CheckConstraint(
                condition=~Q(status=CampaignStatus.PUBLISHED) | ~Q(published_version=""),
                name="published_campaign_names_its_version",
            ),
        ]
        indexes = [models.Index(fields=["status"], name="campaign_status")]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """Gives the page of this campaign."""
        return reverse("summit:campaign_detail", args=[self.pk])

    @staticmethod
    def draft(
        *,
        profile: Profile,
        kind: CampaignKind,
        argument: str,
        title: str,
        why: str,
        repositories: Collection[Repository],
        by: "User",
        at: datetime,
    ) -> "Campaign":
        """Makes a campaign of which nothing is built yet."""
        with transaction.atomic():
            made = Campaign.objects.create(
                profile=profile,
                kind=kind,
                argument=argument,
                title=title[:200],
                why=why,
                created_by=by,
                created_at=at,
                updated_at=at,
            )
            made.repositories.set(repositories)
            made.events.create(at=at, target=CampaignStatus.DRAFT, actor=by, sentence=why)
        return made

    # Transitions: each a compare-and-set that writes its event; `IllegalTransition` when the row has moved.

    def order_start(self, *, actor: "User", sentence: str, at: datetime) -> None:
        """Orders it to be started: from now on a worker, or the sweep, does."""
        self._move(CampaignStatus.STARTING, {"problem": "", "started_at": at}, at=at, actor=actor, sentence=sentence)

    def run(self, *, left_out: list[tuple[str, str]], sentence: str, at: datetime) -> None:
        """Notes that its builds are made and its stream stands."""
        changes = {"left_out": left_out}
        self._move(CampaignStatus.RUNNING, changes, {CampaignStatus.STARTING}, at=at, sentence=sentence)

    def fail_to_start(self, *, problem: str, at: datetime) -> None:
        """Makes it a draft again, which says why it could not start."""
        self._move(CampaignStatus.DRAFT, {"problem": problem, "started_at": None}, at=at, sentence=problem)

    def rest(self, *, sentence: str, at: datetime) -> None:
        """Notes that nothing of it moves any more: it waits for a person to publish it."""
        self._move(CampaignStatus.READY, {}, {CampaignStatus.RUNNING}, at=at, sentence=sentence)

    def go_on(self, *, sentence: str, at: datetime, actor: "User | None" = None) -> None:
        """Notes that something of it moves again."""
        self._move(CampaignStatus.RUNNING, {}, {CampaignStatus.READY}, at=at, actor=actor, sentence=sentence)

    def order_publication(self, *, actor: "User", sentence: str, at: datetime) -> None:
        """Orders it to be published: from now on a worker, or the sweep, does."""
        self._move(CampaignStatus.PUBLISHING, {"problem": ""}, at=at, actor=actor, sentence=sentence)

    def publish(self, *, version: str, kept: list[str], sentence: str, at: datetime) -> None:
        """Ends it: all of it is published in `version`."""
        changes = {"published_version": version, "kept": kept, "ended_at": at}
        self._move(CampaignStatus.PUBLISHED, changes, at=at, sentence=sentence)

    def fail_to_publish(self, *, problem: str, at: datetime) -> None:
        """Puts it back, with the sentence that says why it could not be published."""
        self._move(CampaignStatus.READY, {"problem": problem}, {CampaignStatus.PUBLISHING}, at=at, sentence=problem)

    def abandon(self, *, actor: "User", sentence: str, at: datetime) -> None:
        """Ends it: nothing of it is published."""
        self._move(CampaignStatus.ABANDONED, {"ended_at": at}, at=at, actor=actor, sentence=sentence)

    def _move(
        self,
        target: CampaignStatus,
        changes: Mapping[str, object],
        sources: Collection[CampaignStatus] | None = None,
        *,
        at: datetime,
        actor: "User | None" = None,
        sentence: str,
    ) -> None:
        allowed = CAMPAIGN_SOURCES[target] if sources is None else sources
        with transaction.atomic():
            seen = Campaign.objects.select_for_update().values_list("status", flat=True).get(pk=self.pk)
            moved = seen in allowed and Campaign.objects.filter(pk=self.pk, status=seen).update(
                status=target, updated_at=at, **changes
            )
            if not moved:
                label = CampaignStatus(seen).label.lower()
                raise IllegalTransition(f"the campaign is {label} and cannot become {target.label.lower()}")
            self.events.create(at=at, source=seen, target=target, actor=actor, sentence=sentence)
        self.refresh_from_db(fields=["status", "updated_at", *changes])

    # Questions

    @property
    def stream(self) -> str:
        """The stream that its builds publish to and resolve against."""
        return f"campaign-{self.pk}"

    @property
    def is_open(self) -> bool:
        """Says whether it is not over."""
        return self.status in CAMPAIGN_OPEN

    @property
    def takes_builds(self) -> bool:
        """Says whether builds of it may be opened once more."""
        return self.status in {CampaignStatus.RUNNING, CampaignStatus.READY}

    def can_steer(self, user: permissions.Viewer) -> bool:
        """Says whether the user may start, publish and abandon it: who may push to every repository it concerns."""
        return permissions.can_rebuild(user, self.repositories.all())


class CampaignEvent(models.Model):
    """One transition of a campaign: who, why, when. `actor` is empty for what the system decided."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    source = models.CharField(max_length=16, choices=CampaignStatus, blank=True)
    target = models.CharField(max_length=16, choices=CampaignStatus)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    sentence = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["campaign", "at"], name="event_of_campaign")]

    def __str__(self) -> str:
        return f"{self.source or 'new'} → {self.target}"
