"""The whole farm: the hub's tasks as Celery would run them, its fleet and people; how it storms, and comes to rest."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from random import Random
from uuid import UUID

from avalanche.tasks import sweep as sweep_attempts
from serpent_infra.accounts.models import User
from summit import controls, dispatch, lifecycle, publishing
from summit import tasks as hub
from summit.models import BuildTask, Campaign, Profile, Project, Recipe, Repository, Submission, Verdict
from summit.states import RETRYABLE, CampaignStatus, SubmissionStatus, TaskStatus
from tests.factories.summit import AT, make_profile, make_project, make_recipe, make_repository
from tests.integration.summit.storm import laws, weather
from tests.integration.summit.storm.builders import Fleet
from tests.integration.summit.storm.people import People
from tests.integration.summit.storm.weather import CALM, STORM, Broker, Clock, Fate, Message
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
FORTNIGHT = 15 * 86400.0  # seconds: every deadline has passed then
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
        """Makes project, people, recipes and builders, and asks for the first plan."""
        self.people = People(self)
        self.person: User = self.people.packager
        self.project: Project = make_project()
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
        happenings: dict[Callable[[], object], float] = {
            self.deliver: 40,
            partial(self.hub, hub.sweep): 10,
            partial(self.hub, sweep_attempts): 7,
            partial(self.hub, sweep_imports): 7,
            self.pass_time: 25,
            partial(self.pass_time, FORTNIGHT): 0.2,
            self.people.act: 5,
            self.people.campaign: 5,
            self.people.late_worker: 1,
            self.people.review_some: 4,
            self.people.push: 2,
            self.people.remove: 0.3,
            self.fleet.crash: 1,
            self.fleet.revive: 2,
            self.fleet.burn: 0.3,
            self.fleet.drain: 0.5,
            self.fleet.resume: 1,
            self.broker.flush: 1,
        }
        self.fate.meanwhile = self.meanwhile
        for _ in range(steps):
            self.steps += 1
            [happening] = self.random.choices(list(happenings), weights=list(happenings.values()))
            if happening == self.deliver and not self.broker.messages:
                happening = self.pass_time
            happening()
            laws.check_step()

    def meanwhile(self) -> None:
        """Lets others do something while a process of the hub, a person or a builder is between two transactions."""
        happenings: dict[Callable[[], object], float] = {
            partial(self.deliver, lambda message: not message.is_for_builders): 8,
            partial(self.hub, hub.sweep): 4,
            partial(self.hub, sweep_attempts): 2,
            partial(self.hub, sweep_imports): 2,
            partial(self.clock.advance, 20): 2,
            self.people.act: 6,
            self.people.campaign: 6,
            self.people.review_some: 2,
            self.people.push: 1,
        }
        for happening in self.random.choices(list(happenings), weights=list(happenings.values()), k=2):
            happening()

    def calm(self) -> None:
        """Ends all trouble, but gives back no message that was lost; raises when the farm does not come to rest."""
        self.broker.weather = self.fate.weather = self.fleet.weather = CALM
        self.fate.meanwhile = None
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
                self.people.review(Verdict.APPROVE)
            laws.check_step()
            if self.is_at_rest():
                return
        left = list(BuildTask.objects.open().values_list("source_name", "status", "problem", "blockers"))
        campaigns = list(Campaign.objects.to_sweep().values_list("title", "status", "problem"))
        raise AssertionError(f"stuck: {left} {campaigns}")

    def is_at_rest(self) -> bool:
        """Says whether nothing is left to do: what is open is blocked, or a campaign that waits for a person."""
        if BuildTask.objects.open().exclude(status=TaskStatus.BLOCKED).exists():
            return False
        resting = Campaign.objects.filter(status=CampaignStatus.READY, order_requested_at__isnull=True)
        unrest = Campaign.objects.to_sweep().exclude(pk__in=resting.values("pk"))
        return not unrest.exists() and not Profile.objects.plan_overdue().exists()

    def hub(self, task: Callable[..., object], **ids: object) -> None:
        """Runs one of the hub's tasks as a process that may die, after which a new one remembers nothing."""
        is_disk_bad = self.is_disk_bad = self.random.random() < self.fate.weather.disk

        def run() -> None:
            try:
                task(**ids)
            except OSError:
                assert is_disk_bad  # Celery logs what a task raises, and goes on with the next
            finally:
                self.is_disk_bad = False

        if not self.fate.run(run):
            publishing.forget()

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

    # How it ends

    def check(self) -> None:
        """Holds after every step."""
        laws.check_step()
        laws.check_histories()

    def check_rest(self) -> None:
        """Holds in the calm."""
        laws.check_rest(self.profile, at=self.clock.now())
        assert dispatch.unsettled() == publishing.unsettled() == [], "an end that nobody drew the consequences of"
        assert self.fleet.missing == [], "vessel was sent to artefacts that the builder was told to drop"

    def finish(self) -> None:
        """Lets people retry what failed, and end the campaigns, until everything is published."""
        for recipe in Recipe.objects.filter(removed_at__isnull=False).order_by("pk"):
            self.people.push(recipe)
        for _ in range(len(NEEDS) * 3):
            for task in self._ended():
                if task.status in RETRYABLE and task.submission.status == SubmissionStatus.ACCEPTED:
                    lifecycle.retry(task, actor=self.person, at=self.clock.now())
                else:
                    self.people.push(task.recipe)
            self.people.end_campaigns()
            self.calm()
            self.check_rest()
            if not self._ended() and not Campaign.objects.open().exists():
                return
        raise AssertionError("what is retried never completes")

    def _ended(self) -> list[BuildTask]:
        """Finds the latest builds of recipes as they are now that ended without a result, the newest first."""
        latest: dict[int, BuildTask] = {}
        rows = BuildTask.objects.filter(campaign=None).select_related("recipe", "profile", "submission")
        for task in rows.order_by("pk"):
            latest[task.recipe_id] = task
        wanted = RETRYABLE | {TaskStatus.REJECTED}
        found = [task for task in latest.values() if task.status in wanted and task.commit == task.recipe.commit]
        return sorted(found, key=lambda task: -task.pk)

    def check_end(self) -> None:
        """Holds when all is published."""
        packages = publishing.stream_of(self.profile).by_name
        laws.check_all_published({name: package.release for name, package in packages.items()})
        laws.check_histories()
        laws.check_pauses()
        laws.check_stream(self.profile)
        self.fleet.check_orders()
