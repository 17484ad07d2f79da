"""Build tasks: one recipe wanted for one profile at one commit, from the wish to the published version.

A task refers to recipe, profile and submission by name (strings) because those modules use its `Purpose`.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from summit import permissions
from summit.models import moves, urgency
from summit.models.demands import Demanding
from summit.models.verifying import Verifying
from summit.needs import BlockReason
from summit.states import (
    GIVEN_UP_FROM,
    IN_PROGRESS,
    OPEN,
    RETRYABLE,
    SOURCES,
    WAITING,
    IllegalTransition,
    SubmissionStatus,
    TaskStatus,
)

if TYPE_CHECKING:
    from serpent_infra.accounts.models import User
    from summit.models.campaigns import Campaign
    from summit.models.profiles import Profile
    from summit.models.recipes import Recipe
    from summit.models.submissions import Submission


class Purpose(models.TextChoices):
    """Why a recipe is built; values are those of `wire.orders.BuildPurpose`."""

    OFFICIAL = "official"
    TEST = "test"


class BuildTaskQuerySet(models.QuerySet["BuildTask"]):
    """Finds build tasks in the words of the queue."""

    def open(self) -> Self:
        """Narrows to those that are not over."""
        return self.filter(status__in=OPEN)

    def waiting(self) -> Self:
        """Narrows to those that no builder has begun."""
        return self.filter(status__in=WAITING)

    def in_progress(self) -> Self:
        """Narrows to those being built, verified or published."""
        return self.filter(status__in=IN_PROGRESS)

    def closed(self) -> Self:
        """Narrows to those that are over."""
        return self.exclude(status__in=OPEN)

    def ready(self, *, at: datetime) -> Self:
        """Narrows to those that a free slot may take now, of profiles and projects that are not paused."""
        return self.due(at=at).filter(profile__is_paused=False, profile__project__is_paused=False)

    def due(self, *, at: datetime) -> Self:
        """Narrows to those that wait for nothing but a slot, whether or not their profile is paused."""
        resting = Q(not_before__isnull=True) | Q(not_before__lte=at)
        return self.filter(resting, status=TaskStatus.QUEUED, blockers=0)

    def by_priority(self) -> Self:
        """Puts first what the scheduler takes first, as far as that does not depend on what shares hold now."""
        return self.order_by(*urgency.FIRST)

    def before(self, task: "BuildTask") -> Self:
        """Narrows to those that go before a task, as far as `by_priority` can tell."""
        return self.alias(urgency=urgency.URGENCY).filter(urgency.goes_before(task))

    def latest_first(self) -> Self:
        """Puts the newest first."""
        return self.order_by("-pk")

    def visible_to(self, user: permissions.Viewer) -> Self:
        """Narrows to those of repositories that the user may see."""
        return self.filter(permissions.visible(user, "recipe__repository"))

    def block_all(self, blocks: Mapping[int, tuple[str, str]], *, at: datetime) -> int:
        """Blocks queued tasks, or gives blocked ones another reason: by id the reason and the sentence."""
        changes = {
            key: {"block_reason": reason, "problem": sentence, "sentence": sentence}
            for key, (reason, sentence) in blocks.items()
        }
        return moves.move(self, TaskStatus.BLOCKED, SOURCES[TaskStatus.BLOCKED], changes, at=at)

    def unblock_all(self, keys: Iterable[int], *, sentence: str, at: datetime) -> int:
        """Puts blocked tasks back into the queue."""
        changes = {key: {"block_reason": "", "problem": "", "sentence": sentence} for key in keys}
        return moves.move(self, TaskStatus.QUEUED, {TaskStatus.BLOCKED}, changes, at=at)

    def expedite_all(self, sentences: Mapping[int, str], *, actor: "User", at: datetime) -> set[int]:
        """Puts waiting tasks before all others, one event row each, and says which were moved; by id the sentence."""
        return moves.expedite(self, sentences, actor=actor, at=at)

    def cancel_all(self, *, actor: "User | None", sentence: str, at: datetime) -> int:
        """Cancels those of these that wait; what a builder or the repository has is left to its own end."""
        return moves.cancel(self, actor=actor, sentence=sentence, at=at)

    def with_names(self) -> Self:
        """Fetches what a row of a list shows along with it."""
        return self.select_related("recipe__repository__project", "profile__project", "submission", "campaign")


class BuildTask(Verifying, Demanding):
    """A wanted build; name, version and release are copies, so that it says for ever what was asked for.

    `blockers` counts unmet hard needs. `priority` is the length in seconds of the longest chain that waits for it, its
    own estimate included. `problem` is the sentence that says why it is blocked or failed. Nobody assigns `status`.
    A campaign's task publishes to the campaign's stream and knows nothing of others of its recipe.
    """

    submission = models.ForeignKey("summit.Submission", on_delete=models.CASCADE, related_name="tasks")
    recipe = models.ForeignKey("summit.Recipe", on_delete=models.CASCADE, related_name="tasks")
    profile = models.ForeignKey("summit.Profile", on_delete=models.CASCADE, related_name="tasks")
    campaign = models.ForeignKey(
        "summit.Campaign", on_delete=models.CASCADE, null=True, blank=True, related_name="tasks"
    )
    purpose = models.CharField(max_length=16, choices=Purpose, default=Purpose.OFFICIAL)
    reason = models.CharField(max_length=300, blank=True)  # "initial build", "update from 1.2-3"
    commit = models.CharField(max_length=64)
    recipe_path = models.CharField(max_length=1024)
    source_name = models.CharField(max_length=255)
    version = models.CharField(max_length=128)
    release = models.PositiveBigIntegerField()
    build_release = models.PositiveIntegerField(default=1)
    architecture = models.CharField(max_length=32)
    source_date_epoch = models.PositiveBigIntegerField(default=0)
    package_names = models.JSONField(default=list)  # what may be published; see `Recipe.package_names`

    status = models.CharField(max_length=16, choices=TaskStatus)
    blockers = models.PositiveIntegerField(default=0)
    block_reason = models.CharField(
        max_length=16, choices=[(reason.value, reason.value) for reason in BlockReason], blank=True
    )
    problem = models.TextField(blank=True)
    failure_kind = models.CharField(max_length=32, blank=True)
    warnings = models.JSONField(default=list)
    priority = models.FloatField(default=0.0)
    is_expedited = models.BooleanField(default=False)
    is_security = models.BooleanField(default=False)
    share = models.CharField(max_length=100, blank=True)  # whose part of the fleet it takes; see `allotment.py`
    wave = models.PositiveIntegerField(default=0)
    estimate_seconds = models.FloatField(default=0.0)
    build_seconds = models.FloatField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    attempt_count = models.PositiveIntegerField(default=0)
    infrastructure_failures = models.PositiveIntegerField(default=0)
    published_version = models.CharField(max_length=64, blank=True)
    superseded_by = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    created_at = models.DateTimeField()
    queued_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField()

    objects = BuildTaskQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["profile", "recipe"],
                condition=Q(status__in=sorted(OPEN), campaign__isnull=True),
                name="one_open_task_a_profile_and_recipe",
            ),
            models.UniqueConstraint(fields=["campaign", "recipe"], name="one_task_a_campaign_and_recipe"),
            models.CheckConstraint(condition=Q(status__in=TaskStatus.values), name="task_status_is_known"),
            models.CheckConstraint(
                condition=~Q(status=TaskStatus.BLOCKED) | ~Q(block_reason=""), name="blocked_task_says_why"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | ~Q(status__in=sorted(OPEN)), name="open_task_has_not_ended"
            ),
        ]
        indexes = [
            models.Index(
                fields=["-priority"], condition=Q(status=TaskStatus.QUEUED, blockers=0), name="task_ready_by_priority"
            ),
            models.Index(
                fields=["profile", "share", "-priority"],
                condition=Q(status=TaskStatus.QUEUED, blockers=0),
                name="task_ready_by_share",
            ),
            models.Index(
                fields=["profile", "share", "queued_at"],
                condition=Q(status=TaskStatus.QUEUED, blockers=0),
                name="task_ready_since",
            ),
            models.Index(
                fields=["profile"],
                condition=Q(Q(is_expedited=True) | Q(is_security=True), status=TaskStatus.QUEUED, blockers=0),
                name="task_ready_first",
            ),
            # Few of a long queue: an index of all statuses is no help where most rows have one.
            models.Index(fields=["share"], condition=Q(status=TaskStatus.BUILDING), name="task_building_by_share"),
            models.Index(fields=["profile"], condition=Q(status=TaskStatus.BLOCKED), name="task_blocked"),
            models.Index(fields=["status", "updated_at"], name="task_status_since"),
            models.Index(fields=["recipe", "profile"], name="task_of_recipe"),
            models.Index(fields=["source_name", "architecture"], name="task_of_name"),  # what past builds teach
        ]

    def __str__(self) -> str:
        return f"{self.source_name} {self.version}-{self.release} ({self.architecture})"

    def get_absolute_url(self) -> str:
        """Gives the page of this build."""
        return reverse("summit:build_detail", args=[self.pk])

    @classmethod
    def wish(
        cls,
        *,
        recipe: "Recipe",
        profile: "Profile",
        submission: "Submission",
        campaign: "Campaign | None" = None,
        reason: str,
        build_release: int,
        estimate: float,
        at: datetime,
    ) -> Self:
        """Makes a task, unsaved, at the recipe's recorded commit: queued, or in review as its submission is."""
        is_accepted = submission.status == SubmissionStatus.ACCEPTED
        return cls(
            submission=submission,
            recipe=recipe,
            profile=profile,
            campaign=campaign,
            purpose=profile.purpose,
            reason=reason[:300],
            commit=recipe.commit,
            recipe_path=recipe.path,
            source_name=recipe.name,
            version=recipe.version,
            release=recipe.release,
            build_release=build_release,
            architecture=profile.architecture,
            package_names=recipe.package_names,
            source_date_epoch=int(recipe.changed_at.timestamp()) if recipe.changed_at else 0,
            status=TaskStatus.QUEUED if is_accepted else TaskStatus.IN_REVIEW,
            estimate_seconds=estimate,
            share="" if campaign is None else f"campaign:{campaign.pk}",
            created_at=at,
            queued_at=at if is_accepted else None,
            updated_at=at,
        )

    # Transitions: each a compare-and-set that writes its event; `IllegalTransition` when the row has moved.

    def accept(self, *, at: datetime, actor: "User | None" = None, sentence: str = "") -> None:
        """Ends the review: it may be built."""
        self._move(TaskStatus.QUEUED, {TaskStatus.IN_REVIEW}, {"queued_at": at}, at=at, actor=actor, sentence=sentence)

    def reject(self, *, at: datetime, actor: "User | None", sentence: str) -> None:
        """Ends the review: it is not wanted, or nobody decided in time."""
        self._close(TaskStatus.REJECTED, {}, at=at, actor=actor, sentence=sentence)

    def block(self, *, reason: BlockReason, problem: str, at: datetime) -> None:
        """Takes it out of the queue until what stops it has changed."""
        changes = {"block_reason": reason, "problem": problem}
        self._move(TaskStatus.BLOCKED, SOURCES[TaskStatus.BLOCKED], changes, at=at, sentence=problem)

    def unblock(self, *, at: datetime, sentence: str = "") -> None:
        """Puts it back: what stopped it is gone."""
        changes = {"block_reason": "", "problem": ""}
        self._move(TaskStatus.QUEUED, {TaskStatus.BLOCKED}, changes, at=at, sentence=sentence)

    def start(self, *, at: datetime, sentence: str) -> None:
        """Gives it to a slot: only a queued task without unmet needs goes."""
        changes = {"started_at": at, "attempt_count": F("attempt_count") + 1, "not_before": None}
        self._move(TaskStatus.BUILDING, {TaskStatus.QUEUED}, changes, Q(blockers=0), at=at, sentence=sentence)

    def requeue(self, *, not_before: datetime, sentence: str, at: datetime) -> None:
        """Puts it back after a failure that was not the packager's, to be tried again from `not_before` on."""
        changes = {"not_before": not_before, "infrastructure_failures": F("infrastructure_failures") + 1}
        self._move(TaskStatus.QUEUED, IN_PROGRESS, changes, at=at, sentence=sentence)

    def publish(self, *, build_seconds: float, at: datetime, sentence: str = "") -> None:
        """Hands what was built to the repository."""
        changes = {"build_seconds": build_seconds}
        self._move(TaskStatus.PUBLISHING, SOURCES[TaskStatus.PUBLISHING], changes, at=at, sentence=sentence)

    def complete(self, *, version: str, sentence: str = "", at: datetime) -> None:
        """Ends it: published in `version`."""
        changes = {"published_version": version}
        self._close(TaskStatus.COMPLETED, changes, at=at, sentence=sentence or f"published in version {version}")

    def fail(self, *, kind: str, problem: str, at: datetime, actor: "User | None" = None) -> None:
        """Ends it without a result, by a named kind of failure."""
        changes = {"failure_kind": kind, "problem": problem, "block_reason": ""}
        self._close(TaskStatus.FAILED, changes, at=at, actor=actor, sentence=problem)

    def give_up(self, *, kind: str, problem: str, at: datetime, actor: "User") -> None:
        """Ends it as failed because a person said so; too late once it is being published."""
        changes = {"failure_kind": kind, "problem": problem, "block_reason": "", "ended_at": at}
        self._move(TaskStatus.FAILED, GIVEN_UP_FROM, changes, at=at, actor=actor, sentence=problem)

    def cancel(self, *, at: datetime, actor: "User | None", sentence: str) -> None:
        """Ends it because a person said so; too late once it is being published."""
        self._close(TaskStatus.CANCELLED, {"block_reason": ""}, at=at, actor=actor, sentence=sentence)

    def supersede(self, *, by: "BuildTask | None", at: datetime, sentence: str) -> None:
        """Ends it because a newer commit, or the recipe's removal, took its place."""
        self._close(TaskStatus.SUPERSEDED, {"superseded_by": by, "block_reason": ""}, at=at, sentence=sentence)

    def retry(self, *, at: datetime, actor: "User | None", sentence: str = "") -> None:
        """Opens it once more; attempts, logs and reports of earlier tries stay."""
        changes: dict[str, object] = {
            **dict.fromkeys(("block_reason", "problem", "failure_kind"), ""),
            **dict.fromkeys(("ended_at", "started_at", "not_before")),
            "queued_at": at,
            "infrastructure_failures": 0,
        }
        self._move(TaskStatus.QUEUED, RETRYABLE, changes, at=at, actor=actor, sentence=sentence or "once more")

    def _close(
        self,
        target: TaskStatus,
        changes: Mapping[str, object],
        *,
        at: datetime,
        actor: "User | None" = None,
        sentence: str,
    ) -> None:
        closing = {**changes, "ended_at": at}
        self._move(target, SOURCES[target], closing, at=at, actor=actor, sentence=sentence)

    def _move(
        self,
        target: TaskStatus,
        sources: Collection[TaskStatus],
        changes: Mapping[str, object],
        guard: Q | None = None,
        *,
        at: datetime,
        actor: "User | None" = None,
        sentence: str,
    ) -> None:
        rows = BuildTask.objects.filter(guard or Q(), pk=self.pk)
        seen = self.status
        for _ in range(3):  # the row may have moved between two allowed states since it was read
            if seen in sources and rows.filter(status=seen).update(status=target, updated_at=at, **changes):
                self.events.create(at=at, source=seen, target=target, actor=actor, sentence=sentence)
                moves.take_over(self, {"status": target, "updated_at": at, **changes})
                return
            seen = BuildTask.objects.values_list("status", flat=True).get(pk=self.pk)
            if seen not in sources:
                break
        raise IllegalTransition(f"{self} is {TaskStatus(seen).label.lower()} and cannot become {target.label.lower()}")

    # Questions

    @property
    def is_open(self) -> bool:
        """Says whether it is not over."""
        return self.status in OPEN

    @property
    def stream(self) -> str:
        """The stream of its profile's channel that it publishes to, and resolves against first."""
        return self.profile.stream if self.campaign is None else self.campaign.stream

    @property
    def is_ready(self) -> bool:
        """Says whether it waits for nothing but a slot (and its back-off)."""
        return self.status == TaskStatus.QUEUED and self.blockers == 0

    @property
    def title(self) -> str:
        """For orders, logs and pages: `zlib 1.3.1-4 (x86_64)`."""
        return str(self)

    def can_retry(self, user: permissions.Viewer) -> bool:
        """Says whether the user may order it once more now."""
        return self.status in RETRYABLE and permissions.can_retry(user, self)

    def can_give_up(self, user: permissions.Viewer) -> bool:
        """Says whether the user may mark it as failed now."""
        return self.status in GIVEN_UP_FROM and permissions.can_give_up(user, self)

    def can_expedite(self, user: permissions.Viewer) -> bool:
        """Says whether the user may put it before all others now."""
        return self.status in WAITING and not self.is_expedited and permissions.can_expedite(user, self)

    def can_cancel(self, user: permissions.Viewer) -> bool:
        """Says whether the user may cancel it now."""
        return self.status in SOURCES[TaskStatus.CANCELLED] and permissions.can_cancel(user, self)
