"""The whole farm: the hub's tasks as Celery would run them, its fleet, people and pushes; and what must always hold."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from random import Random
from uuid import UUID

from django.db.models import Count, F, Q

from avalanche.tasks import sweep as sweep_attempts
from serpent_infra.accounts.models import User
from summit import controls, dispatch, lifecycle, ordering, publishing
from summit import tasks as hub
from summit.models import AttemptRef, BuildTask, Profile, Project, Recipe, Repository, Submission, TaskEdge, Verdict
from summit.needs import EdgeKind
from summit.states import RETRYABLE, STUCK, WAITING, IllegalTransition, TaskStatus
from tests.factories.summit import AT, make_profile, make_project, make_recipe, make_repository, make_user
from tests.integration.summit.storm import weather
from tests.integration.summit.storm.builders import Fleet
from tests.integration.summit.storm.weather import CALM, STORM, Broker, Clock, Fate, Message
from vessel.models import Import
from vessel.tasks import import_artefacts
from vessel.tasks import sweep as sweep_imports

# Who needs whom: a diamond, a chain, and one that stands alone.
NEEDS: Mapping[str, tuple[str, ...]] = {
    "glibc": (),
    "zlib": ("glibc",),
    "libpng": ("zlib",),
    "openssl": ("zlib",),
    "curl": ("openssl", "libpng"),
    "git": ("curl",),
    "nano": (),
}
CALM_ROUNDS = 400  # after which a farm that has not come to rest in the calm counts as stuck
GENEROSITY = 0.8  # how often the second person approves
_MACHINES = {"b1": 2, "b2": 1}


def provides(name: str) -> list[str]:
    """Lists what a recipe's package provides beside its name."""
    return [f"pkgconfig({name})"]


class World:
    """One simulated farm; everything that happens in it follows from the seed."""

    def __init__(self, seed: int, directory: Path) -> None:
        self.seed = seed
        self.random = Random(seed)  # noqa: S311 - weather, not secrets
        self.clock = Clock(AT)
        self.broker = Broker(self.random)
        self.fate = Fate(self.random, self.broker)
        self.fleet = Fleet(self.random, self.clock, self.fate, directory=directory / "builders", provides=provides)
        self.is_disk_bad = False
        self.steps = 0

    def found(self) -> None:
        """Makes project, recipes and builders, and asks for the first plan."""
        self.project: Project = make_project()
        self.person: User = make_user()
        self.reviewer: User = make_user("rex")
        self.profile: Profile = make_profile(self.project)
        self.repository: Repository = make_repository(self.project, needs_review=self.random.random() < 0.3)
        for name, needs in NEEDS.items():
            make_recipe(
                self.repository,
                name,
                provides=provides(name),
                needs=[f"pkgconfig({need})" for need in needs],
                commit="a" * 40,
            )
        for name, slots in _MACHINES.items():
            self.fleet.add(name, slots)
        Profile.objects.request_plan(at=self.clock.now())

    # What happens

    def rage(self, steps: int) -> None:
        """Lets anything happen, so many times."""
        self.broker.weather = self.fate.weather = self.fleet.weather = STORM
        happenings: dict[Callable[[], object], int] = {
            self.deliver: 40,
            partial(self.hub, hub.sweep): 10,
            partial(self.hub, sweep_attempts): 7,
            partial(self.hub, sweep_imports): 7,
            self.pass_time: 25,
            self.person_acts: 4,
            self.review_any: 4,
            self.push: 2,
            self.fleet.crash: 1,
            self.fleet.revive: 2,
            self.broker.flush: 1,
        }
        for _ in range(steps):
            self.steps += 1
            [happening] = self.random.choices(list(happenings), weights=list(happenings.values()))
            if happening == self.deliver and not self.broker.messages:
                happening = self.pass_time
            happening()
            self.check()

    def calm(self) -> None:
        """Ends all trouble, but gives back no message that was lost; raises when the farm does not come to rest."""
        self.broker.weather = self.fate.weather = self.fleet.weather = CALM
        self.broker.flush()
        self.fleet.recover()
        for subject in (self.project, self.profile):
            subject.refresh_from_db()
            if subject.is_paused:
                controls.resume(subject, actor=self.person, at=self.clock.now())
        for _ in range(CALM_ROUNDS):
            self.pass_time(15)
            for sweep in (sweep_attempts, sweep_imports, hub.sweep):
                self.hub(sweep)
            for _ in range(len(self.broker.messages) + 1):
                self.deliver()
            while Submission.objects.in_review().exists():
                self.review(Verdict.APPROVE)
            self.check()
            if self.is_at_rest():
                return
        left = list(BuildTask.objects.open().values_list("source_name", "status", "problem", "blockers"))
        raise AssertionError(f"stuck: {left}")

    def is_at_rest(self) -> bool:
        """Says whether nothing is left to do: what is not over is blocked by something that is."""
        restless = BuildTask.objects.open().exclude(status=TaskStatus.BLOCKED).exists()
        return not restless and not Profile.objects.plan_overdue().exists()

    def hub(self, task: Callable[..., object], **ids: object) -> None:
        """Runs one of the hub's tasks as a process that may die, after which a new one remembers nothing."""
        self.is_disk_bad = self.random.random() < self.fate.weather.disk
        if not self.fate.run(lambda: task(**ids)):
            publishing.forget()
        self.is_disk_bad = False

    def deliver(self, wanted: Callable[[Message], bool] = lambda _: True) -> None:
        message = self.broker.take(wanted)
        if message is not None and not self._handle(message):
            self.broker.put(message)

    def _handle(self, message: Message) -> bool:
        ids = dict(message.ids)
        match message.task:
            case weather.BUILD:
                return self.fleet.hear(message.queue, UUID(str(ids["attempt"])))
            case "vessel.import_artefacts":
                self.hub(import_artefacts, **ids)
            case "summit.settle":
                self.hub(hub.settle, attempt=str(ids["attempt"]))
            case _:
                self.hub(getattr(hub, message.task.removeprefix("summit.")), **ids)
        return True

    def pass_time(self, seconds: float = 0.0) -> None:
        self.clock.advance(seconds or self.random.choice([1, 5, 10, 10, 20, 40]))
        self.fleet.tick()

    def person_acts(self) -> None:
        """Cancels, retries, hurries, gives up, pauses or resumes something, as a page would: nobody is told to wait."""
        task = BuildTask.objects.order_by("pk")[self.random.randrange(max(BuildTask.objects.count(), 1)) :].first()
        at = self.clock.now()
        if task is None:
            return
        deeds: list[Callable[[], object]] = [
            lambda: lifecycle.cancel(task, actor=self.person, at=at),
            *[lambda: lifecycle.retry(task, actor=self.person, at=at)] * 4,
            lambda: lifecycle.expedite(task, actor=self.person, at=at),
            lambda: lifecycle.give_up(task, actor=self.person, why="no hope", at=at),
            lambda: controls.pause(self._any_subject(), actor=self.person, at=at),
            *[partial(controls.resume, one, actor=self.person, at=at) for one in (self.project, self.profile)] * 3,
        ]
        deed = self.random.choice(deeds)

        def act() -> None:
            try:
                deed()
            except IllegalTransition:
                return

        self.fate.run(act)

    def _any_subject(self) -> Project | Profile:
        return self.project if self.random.random() < 0.5 else self.profile

    def review_any(self) -> None:
        verdict = Verdict.APPROVE if self.random.random() < GENEROSITY else Verdict.REJECT
        for _ in range(3):
            self.fate.run(partial(self.review, verdict))

    def review(self, verdict: Verdict) -> None:
        """Lets the second person decide on the oldest submission that waits for one."""
        submission = Submission.objects.in_review().order_by("pk").first()
        if submission is not None:
            lifecycle.review(submission, reviewer=self.reviewer, verdict=verdict, at=self.clock.now())

    def push(self, recipe: Recipe | None = None) -> None:
        """Raises the release of a recipe, as a refresh would."""
        recipe = recipe or self.random.choice(list(Recipe.objects.order_by("pk")))
        Recipe.objects.filter(pk=recipe.pk).update(
            release=F("release") + 1, commit=f"{self.random.getrandbits(160):040x}", changed_at=self.clock.now()
        )
        Profile.objects.request_plan(at=self.clock.now())

    # What must hold

    def check(self) -> None:
        """Holds after every step, whatever died: counts agree with rows, and nothing is done twice."""
        unmet = Count("needs", filter=Q(needs__kind=EdgeKind.HARD, needs__satisfied_at__isnull=True))
        wrong = BuildTask.objects.filter(status__in=WAITING).annotate(unmet=unmet).exclude(unmet=F("blockers"))
        assert not wrong.exists(), list(wrong.values_list("source_name", "status", "blockers", "unmet"))
        building = BuildTask.objects.filter(status=TaskStatus.BUILDING)
        tries = building.annotate(running=Count("attempts", filter=Q(attempts__settled_at__isnull=True)))
        assert not tries.exclude(running=1).exists()
        assert (
            not AttemptRef.objects.unsettled()
            .exclude(task__status=TaskStatus.BUILDING)
            .filter(task__status__in=[TaskStatus.QUEUED, TaskStatus.BLOCKED])
        ), "a task in the queue has an attempt that may still bring something"

    def check_rest(self) -> None:
        """Holds in the calm: whoever waits is blocked by what ended without result, and reordering changes nothing."""
        for task in BuildTask.objects.open():
            edges = TaskEdge.objects.unmet().filter(task=task)
            stuck = edges.filter(needs__status__in=STUCK)
            assert stuck.exists(), f"{task} is blocked by nothing: {task.problem}"
        before = self.counts()
        ordering.reorder(self.profile, at=self.clock.now())
        assert self.counts() == before
        assert dispatch.unsettled() == publishing.unsettled() == [], "an end that nobody drew the consequences of"
        assert self.fleet.missing == [], "vessel was sent to artefacts that the builder was told to drop"

    def counts(self) -> list[tuple[object, ...]]:
        fields = ("pk", "status", "blockers")
        return list(BuildTask.objects.order_by("pk").values_list(*fields))

    def finish(self) -> None:
        """Retries whatever failed until everything is published."""
        for _ in range(len(NEEDS) * 3):
            ended = BuildTask.objects.filter(status__in=RETRYABLE, commit=F("recipe__commit")).order_by("-pk")
            for task in ended:
                newest = BuildTask.objects.filter(recipe=task.recipe_id).order_by("-pk").first()
                if newest == task:
                    lifecycle.retry(task, actor=self.person, at=self.clock.now())
            rejected = BuildTask.objects.filter(status=TaskStatus.REJECTED, commit=F("recipe__commit"))
            for recipe in Recipe.objects.filter(pk__in=rejected.values("recipe")).order_by("pk"):
                self.push(recipe)
            self.calm()
            if not BuildTask.objects.filter(status__in=RETRYABLE, commit=F("recipe__commit")).exists():
                return
        raise AssertionError("what is retried never completes")

    def check_end(self) -> None:
        """Holds when all is published: each recipe once, at its release, with the bits of the attempt that says so."""
        assert not BuildTask.objects.open().exists()
        packages = publishing.stream_of(self.profile).by_name
        wanted = dict(Recipe.objects.values_list("name", "release"))
        assert {name: package.release for name, package in packages.items()} == wanted, "a task was lost"
        published = set(Import.objects.filter(status="published").values_list("reference", flat=True))
        for task in BuildTask.objects.prefetch_related("attempts"):
            taken = [row.number for row in task.attempts.all() if row.import_reference in published]
            assert len(taken) == (task.status == TaskStatus.COMPLETED), f"{task} was published by attempts {taken}"
        per_release = BuildTask.objects.filter(status=TaskStatus.COMPLETED).values("recipe", "release", "build_release")
        assert not per_release.annotate(times=Count("pk")).filter(times__gt=1).exists(), "something was built twice"
