"""The people of a farm: they push, review, order, hurry, stop, regret and steer campaigns, at whatever moment it is."""

from collections.abc import Callable
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from django.db.models import F, Model, QuerySet

from serpent_infra.accounts.models import User
from summit import controls, lifecycle, rebuilding, security
from summit.campaigns import advance, ending, progress, starting
from summit.campaigns.selection import BadArgument
from summit.models import (
    BuildTask,
    Campaign,
    CampaignKind,
    Profile,
    Project,
    Recipe,
    Submission,
    Verdict,
)
from summit.rebuilding import NotRebuildable
from summit.states import CampaignStatus, IllegalTransition
from tests.factories.summit import make_user

if TYPE_CHECKING:
    from tests.integration.summit.storm.world import World

Row = TypeVar("Row", bound=Model)
REFUSALS = (IllegalTransition, BadArgument, NotRebuildable)
GENEROSITY = 0.8  # how often the second person approves
CAMPAIGNS = 3  # that are open at once
PAGES, STALE = 6, 0.25  # what people keep open, and how often they act on that rather than on what they look up
# What a campaign may be asked to rebuild.
CHOICES = (
    (CampaignKind.TREE, ""),
    (CampaignKind.REACH, "glibc"),
    (CampaignKind.REACH, "zlib"),
    (CampaignKind.RECIPE, "zlib"),
    (CampaignKind.LIST, "openssl, libpng curl"),
    (CampaignKind.LIST, "nano"),
    (CampaignKind.CAPABILITY, "pkgconfig(openssl)"),
)


class People:
    """One who may do everything, and a second person who reviews; the recipes' author may only propose."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.random = world.random
        self.pages: list[Model] = []  # what was looked at, and may be acted on long after
        make_user()
        self.packager: User = make_user("pat", is_superuser=True)
        self.reviewer: User = make_user("rex")

    def act(self) -> None:
        """Does something to a build, a submission, a recipe, a profile or the project, as a page would."""
        task = self._any(BuildTask.objects.select_related("profile", "recipe__repository", "campaign"))
        if task is None:
            return
        at, by = self.world.clock.now(), self.packager
        deeds: dict[Callable[[], object], int] = {
            lambda: lifecycle.cancel(task, actor=by, at=at): 2,
            lambda: lifecycle.retry(task, actor=by, at=at): 8,
            lambda: lifecycle.expedite(task, actor=by, at=at): 2,
            lambda: lifecycle.give_up(task, actor=by, why="no hope", at=at): 2,
            lambda: controls.pause(self._any_subject(), actor=by, at=at): 2,
            lambda: controls.resume(self._any_subject(), actor=by, at=at): 6,
            lambda: rebuilding.rebuild(task.recipe, task.profile, actor=self._anybody(), at=at): 4,
            lambda: security.mark(task.submission, actor=by, at=at): 1,
            lambda: security.unmark(task.submission, actor=by, at=at): 1,
        }
        self._do(deeds)

    def campaign(self) -> None:
        """Drafts a campaign, or steers one, at whatever moment it is."""
        at, by = self.world.clock.now(), self.packager
        campaign = self._any(Campaign.objects.open().select_related("profile__project"))
        if campaign is None or (self.random.random() < 0.2 and Campaign.objects.open().count() < CAMPAIGNS):
            self._do({partial(self.draft, self.random.random() < 0.8): 1})
            return
        deeds: dict[Callable[[], object], int] = {
            lambda: starting.start(campaign, actor=by, at=at): 4,
            lambda: progress.retry_failed(campaign, actor=by, at=at): 2,
            lambda: ending.abandon(campaign, why="too late", actor=by, at=at): 1,
            partial(self.publish, campaign): 4,
            lambda: ending.publish(campaign, without=self.random.randrange(3), actor=by, at=at): 1,
        }
        self._do(deeds)

    def late_worker(self) -> None:
        """Lets a worker that read a campaign long ago go on with it now."""
        stale = [page for page in self.pages if isinstance(page, Campaign)]
        if stale:
            campaign = copy(self.random.choice(stale))
            self.world.hub(lambda: advance.advance(campaign, at=self.world.clock.now()))

    def draft(self, is_started: object) -> Campaign:
        """Drafts a campaign and, as most do, starts it at once."""
        at, (kind, argument) = self.world.clock.now(), self.random.choice(CHOICES)
        campaign = starting.draft(self.world.profile, kind, argument, by=self.packager, at=at)
        if is_started:
            starting.start(campaign, actor=self.packager, at=at)
        return campaign

    def publish(self, campaign: Campaign) -> None:
        """Publishes a campaign without what it has no result of, having looked."""
        at = self.world.clock.now()
        missing = progress.progress_of(campaign, at=at).missing
        ending.publish(campaign, without=missing, actor=self.packager, at=at)

    def end_campaigns(self) -> None:
        """Brings what rests to an end: started, retried, published with what it has, or abandoned."""
        at = self.world.clock.now()
        for campaign in Campaign.objects.open().select_related("profile__project").order_by("pk"):
            found = progress.progress_of(campaign, at=at)
            if campaign.status == CampaignStatus.DRAFT and self.random.random() < 0.5 and not campaign.problem:
                starting.start(campaign, actor=self.packager, at=at)
            elif campaign.status == CampaignStatus.DRAFT or not (found.completed or found.failed):
                ending.abandon(campaign, actor=self.packager, at=at)
            elif found.failed and self.random.random() < 0.4:
                progress.retry_failed(campaign, actor=self.packager, at=at)
            elif found.completed and self.random.random() < 0.8:
                self.publish(campaign)
            else:
                ending.abandon(campaign, actor=self.packager, at=at)

    def review_some(self) -> None:
        verdict = Verdict.APPROVE if self.random.random() < GENEROSITY else Verdict.REJECT
        for _ in range(3):
            self._do({partial(self.review, verdict): 1})

    def review(self, verdict: Verdict) -> None:
        """Lets the second person decide on the oldest submission that waits for one."""
        submission = Submission.objects.in_review().order_by("pk").first()
        if submission is not None:
            second = self.packager if submission.author == self.reviewer else self.reviewer
            lifecycle.review(submission, reviewer=second, verdict=verdict, at=self.world.clock.now())

    def push(self, recipe: Recipe | None = None) -> None:
        """Raises the release of a recipe, as a refresh would; one that was gone is there again."""
        recipe = recipe or self._any(Recipe.objects.all())
        assert recipe is not None
        commit = f"{self.random.getrandbits(160):040x}"
        at = self.world.clock.now()
        Recipe.objects.filter(pk=recipe.pk).update(
            release=F("release") + 1, commit=commit, changed_at=at, removed_at=None
        )
        Profile.objects.request_plan(at=at)

    def remove(self) -> None:
        """Removes a recipe from its repository, as a refresh would."""
        recipe = self._any(Recipe.objects.filter(removed_at__isnull=True))
        if recipe is not None:
            at = self.world.clock.now()
            Recipe.objects.filter(pk=recipe.pk).update(removed_at=at)
            Profile.objects.request_plan(at=at)

    def _do(self, deeds: dict[Callable[[], object], int]) -> None:
        [deed] = self.random.choices(list(deeds), weights=list(deeds.values()))

        def act() -> None:
            try:
                deed()
            except REFUSALS:
                return

        self.world.fate.run(act)

    def _any(self, rows: QuerySet[Row, Row]) -> Row | None:
        found = rows.order_by("pk")
        stale = [page for page in self.pages if isinstance(page, rows.model)]
        if stale and self.random.random() < STALE:
            return copy(self.random.choice(stale))  # a copy: what a process that died had in mind is gone
        row = found[self.random.randrange(max(rows.count(), 1)) :].first()
        if row is not None and rows.model in {BuildTask, Campaign}:
            self.pages = [*self.pages[-PAGES:], copy(row)]
        return row

    def _anybody(self) -> User:
        return self.packager if self.random.random() < 0.5 else self.reviewer

    def _any_subject(self) -> Project | Profile:
        return self.world.project if self.random.random() < 0.5 else self.world.profile
