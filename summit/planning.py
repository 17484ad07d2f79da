"""What a profile's stream lacks: a name that nothing published has, or a release newer than the highest published.

Version text, hashes and commits play no part in that question (docs/architecture.md, section 7). What is asked for is
the commit that changed the recipe, never the branch; the same commit is asked for once: a person may order it again.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from serpent_infra.accounts.models import User
from serpent_infra.formats.dependency import Kind
from summit import allotment, doorbell, estimates, ordering, publishing
from summit.inheritance import inherit
from summit.models import BuildTask, Profile, Provider, Recipe, Submission, TaskEvent
from summit.states import WAITING, IllegalTransition, SubmissionStatus, TaskStatus

DEFAULT_ESTIMATE = estimates.DEFAULT_SECONDS
_CHUNK = 500


@dataclass(frozen=True, kw_only=True)
class Lack:
    """A recipe that a stream lacks, and why."""

    recipe: Recipe
    reason: str
    build_release: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What planning did, in numbers of tasks."""

    lacking: int
    created: int
    in_review: int
    superseded: int


def lacks(recipe: Recipe, names: Iterable[str], stream: publishing.Stream) -> Lack | None:
    """Says why a stream lacks a recipe; None when it offers all its names at its release or a newer one."""
    build_release = stream.build_releases.get((recipe.name, recipe.release), 0) + 1
    for name in sorted(names):
        published = stream.by_name.get(name)
        if published is None:
            reason = "initial build" if name == recipe.name else f"nothing published is named {name}"
            return Lack(recipe=recipe, reason=reason, build_release=build_release)
        if published.release < recipe.release:
            reason = f"update from {published.version}-{published.release}"
            return Lack(recipe=recipe, reason=reason, build_release=build_release)
    return None


def plan(profile: Profile, *, at: datetime) -> Plan:
    """Creates the tasks that bring a profile's stream up to its recipes, supersedes stale ones, and orders them all.

    A profile that cannot publish where it says gets its error written beside it, and no tasks.
    """
    try:
        publishing.ensure_streams(profile, at=at)
    except publishing.StreamUnfit as error:
        profile.plan_requested_at, profile.plan_error = None, str(error)
        profile.save(update_fields=["plan_requested_at", "plan_error"])
        return Plan(lacking=0, created=0, in_review=0, superseded=0)
    with transaction.atomic():
        ordering.lock(profile)
        stream = publishing.stream_of(profile)
        recipes = recipes_of(profile)
        names = _names(recipes, architecture=profile.architecture)
        found = [lack for recipe in recipes if (lack := lacks(recipe, names[recipe.pk], stream)) is not None]
        superseded = _withdraw(profile, {lack.recipe.pk for lack in found}, at=at)
        wanted, replaced = _choose(profile, found)
        superseded += _supersede(replaced, at=at)
        tasks = _create(profile, wanted, at=at)
        _link(replaced, tasks, at=at)
        ordering.reorder(profile, at=at)
        # Whoever asks from now on waits for the lock, so that no request is lost between reading and this.
        profile.plan_requested_at, profile.planned_at, profile.planned_version = None, at, stream.version
        profile.plan_error = ""
        profile.save(update_fields=["plan_requested_at", "planned_at", "planned_version", "plan_error"])
        doorbell.ring(doorbell.DISPATCH)
    return Plan(
        lacking=len(found),
        created=len(tasks),
        in_review=sum(task.status == TaskStatus.IN_REVIEW for task in tasks),
        superseded=superseded,
    )


def recipes_of(profile: Profile) -> list[Recipe]:
    """Fetches the project's recipes that may be built for the profile's architecture."""
    rows = Recipe.objects.buildable().filter(repository__project=profile.project_id).select_related("repository")
    rows = rows.defer("description", "upstreams", "packages", "warnings", "licences").order_by("name", "pk")
    return [recipe for recipe in rows if profile.builds(recipe.architectures)]


def _names(recipes: Collection[Recipe], *, architecture: str) -> Mapping[int, set[str]]:
    """Gives the names that each recipe promises: those of its manifest, or its own where it has none yet."""
    promised: dict[int, set[str]] = {}
    rows = Provider.objects.filter(kind=Kind.NAME, architecture=architecture, recipe__in=[row.pk for row in recipes])
    for recipe, name in rows.values_list("recipe", "target"):
        promised.setdefault(recipe, set()).add(name)
    return {recipe.pk: promised.get(recipe.pk) or {recipe.name} for recipe in recipes}


def _withdraw(profile: Profile, lacking: set[int], *, at: datetime) -> int:
    """Supersedes waiting tasks whose recipe is gone, or that the stream no longer lacks."""
    stale = BuildTask.objects.filter(profile=profile, campaign=None, status__in=sorted(WAITING))
    # A rebuild is wanted although the stream offers it.
    stale = stale.exclude(recipe__in=lacking).exclude(submission__is_rebuild=True, recipe__removed_at__isnull=True)
    count = 0
    for task in stale.select_related("recipe"):
        count += _try_supersede(task, _why_stale(task.recipe), at=at)
    return count


def _why_stale(recipe: Recipe) -> str:
    if recipe.is_removed:
        return "the recipe is gone"
    return recipe.conflict or "the stream offers it already"


def _choose(profile: Profile, found: list[Lack]) -> tuple[list[Lack], list[BuildTask]]:
    """Leaves out what was asked for before; gives the waiting tasks of older commits that are to be replaced."""
    known: dict[int, list[BuildTask]] = {}
    rows = BuildTask.objects.filter(profile=profile, campaign=None, recipe__in=[lack.recipe.pk for lack in found])
    for task in rows.exclude(status=TaskStatus.SUPERSEDED).order_by("pk"):
        known.setdefault(task.recipe_id, []).append(task)
    wanted, replaced = [], []
    for lack in found:
        tasks = known.get(lack.recipe.pk, [])
        current = next((task for task in tasks if task.is_open), None)
        if any(task.commit == lack.recipe.commit for task in tasks):
            continue
        if current is not None and current.status not in WAITING:
            continue  # it is being built; its end plans again
        if current is not None:
            replaced.append(current)
        wanted.append(lack)
    return wanted, replaced


def _supersede(tasks: Iterable[BuildTask], *, at: datetime) -> int:
    return sum(_try_supersede(task, "a newer commit took its place", at=at) for task in tasks)


def _try_supersede(task: BuildTask, sentence: str, *, at: datetime) -> int:
    try:
        task.supersede(by=None, at=at, sentence=sentence)
    except IllegalTransition:
        return 0
    return 1


def _link(replaced: Iterable[BuildTask], tasks: Iterable[BuildTask], *, at: datetime) -> None:
    """Says which task took the place of each, and lets it inherit what that one waited for."""
    successors = {task.recipe_id: task for task in tasks}
    found = {task.pk: successors[task.recipe_id] for task in replaced if task.recipe_id in successors}
    for key, successor in found.items():
        BuildTask.objects.filter(pk=key).update(superseded_by=successor)
    inherit(found, at=at)


def _create(profile: Profile, wanted: list[Lack], *, at: datetime) -> list[BuildTask]:
    busy = set(
        BuildTask.objects.open()
        .filter(profile=profile, campaign=None, recipe__in=[lack.recipe.pk for lack in wanted])
        .values_list("recipe", flat=True)
    )
    wanted = [lack for lack in wanted if lack.recipe.pk not in busy]
    submissions = _submissions(profile, [lack.recipe for lack in wanted], at=at)
    expected = estimates_of(profile, [lack.recipe.name for lack in wanted])
    tasks = []
    for lack in wanted:
        recipe, submission = lack.recipe, submissions[lack.recipe.repository_id, lack.recipe.commit]
        if submission.status == SubmissionStatus.REJECTED:
            continue
        tasks.append(
            BuildTask.wish(
                recipe=recipe,
                profile=profile,
                submission=submission,
                reason=lack.reason,
                build_release=lack.build_release,
                estimate=expected[recipe.name],
                at=at,
            )
        )
    save_all(tasks, at=at)
    return tasks


def save_all(tasks: list[BuildTask], *, actor: User | None = None, at: datetime) -> None:
    """Saves new tasks, each with the event that tells why it is wanted, and by whom where a person asked."""
    allotment.allot(tasks, at=at)
    BuildTask.objects.bulk_create(tasks, batch_size=_CHUNK)
    events = [TaskEvent(task=task, at=at, target=task.status, actor=actor, sentence=task.reason) for task in tasks]
    TaskEvent.objects.bulk_create(events, batch_size=_CHUNK)


def _submissions(profile: Profile, recipes: Iterable[Recipe], *, at: datetime) -> Mapping[tuple[int, str], Submission]:
    """Finds or makes the submission of each commit: its author's, accepted where the author needs no second person."""
    firsts: dict[tuple[int, str], Recipe] = {}
    for recipe in recipes:
        firsts.setdefault((recipe.repository_id, recipe.commit), recipe)
    known = {
        (row.repository_id, row.commit): row
        for row in Submission.objects.filter(
            purpose=profile.purpose,
            is_rebuild=False,
            repository__project=profile.project_id,
            commit__in={key[1] for key in firsts},
        )
    }
    people = _people({recipe.author_email.lower() for recipe in firsts.values() if recipe.author_email})
    fresh = []
    for key, recipe in firsts.items():
        if key in known:
            continue
        author = people.get(recipe.author_email.lower())
        repository = recipe.repository
        is_accepted = not repository.needs_review or (author is not None and repository.can_push(author))
        fresh.append(
            Submission(
                repository=repository,
                commit=recipe.commit,
                title=recipe.commit_subject,
                message=recipe.commit_message,
                author=author,
                author_name=recipe.author_name,
                author_email=recipe.author_email,
                purpose=profile.purpose,
                is_security=allotment.names_vulnerability(recipe),
                status=SubmissionStatus.ACCEPTED if is_accepted else SubmissionStatus.IN_REVIEW,
                created_at=at,
                decided_at=at if is_accepted else None,
            )
        )
    Submission.objects.bulk_create(fresh, batch_size=_CHUNK)
    return known | {(row.repository_id, row.commit): row for row in fresh}


def _people(emails: set[str]) -> Mapping[str, User]:
    """Maps addresses to people; an address that two people share maps to nobody."""
    found: dict[str, list[User]] = {}
    for user in User.objects.filter(is_active=True).exclude(email=""):
        if user.email.lower() in emails:
            found.setdefault(user.email.lower(), []).append(user)
    return {email: users[0] for email, users in found.items() if len(users) == 1}


def estimates_of(profile: Profile, names: Collection[str]) -> Mapping[str, float]:
    """Gives how long each recipe's build is expected to take on the profile's architecture, in seconds."""
    return estimates.expected(names, architecture=profile.architecture)
