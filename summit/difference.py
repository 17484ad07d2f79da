"""What a submission changes: the directory of each of its recipes as it would be built, against what was built last.

What was never built is held against the commit before the first that was proposed: a proposal that takes the place of
another shows the changes of both, so that none gets by its reviewer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.core.paginator import Page as PlaceAmongPages
from django.core.paginator import Paginator
from django.db.models import Max, Min, Q

from serpent_infra.git import GitError, Mirror
from summit.file_difference import Budget, DirectoryDifference, compare
from summit.models import BuildTask, Recipe, Submission
from summit.models.tasks import BuildTaskQuerySet, Purpose
from summit.refresh.run import mirror_of
from summit.states import TaskStatus

PAGE_SIZE = 20  # recipes


@dataclass(frozen=True, kw_only=True)
class Base:
    """What a recipe is held against: a commit and directory, or nothing; `task` built it, where one did.

    Attributes:
        is_lost: the task's commit is not in the mirror any more, so that everything is shown as new.
    """

    commit: str = ""
    directory: str = ""
    task: BuildTask | None = None
    is_lost: bool = False


@dataclass(frozen=True, kw_only=True)
class RecipeDifference:
    """One recipe of a submission; `problem` says why nothing can be shown."""

    recipe: Recipe
    task: BuildTask
    base: Base
    found: DirectoryDifference = field(default_factory=DirectoryDifference)
    problem: str = ""

    @property
    def moved_from(self) -> str:
        """The directory that it was in, "" where that is the same."""
        return self.base.directory if self.base.commit and self.base.directory != _directory(self.task) else ""


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some of a submission's recipes, by name; `place` says which of how many."""

    recipes: Sequence[RecipeDifference]
    place: PlaceAmongPages[tuple[int, int]]


def page_of(submission: Submission, *, number: str | int | None = 1) -> Page:
    """Shows what a submission changes, a page of its recipes at a time; a page that is not there is the nearest."""
    rows = submission.tasks.values_list("recipe").annotate(first=Min("pk")).order_by("source_name", "recipe")
    place = Paginator(list(dict(rows).items()), PAGE_SIZE).get_page(number)
    firsts = dict(place.object_list)
    tasks = BuildTask.objects.filter(pk__in=firsts.values()).select_related("recipe__repository__project", "profile")
    built, proposed = _built(firsts, submission), _proposed(firsts, submission)
    mirror, budget = mirror_of(submission.repository), Budget()
    found = [
        _recipe(mirror, task, built.get(task.recipe_id), proposed[task.recipe_id], budget)
        for task in sorted(tasks, key=lambda task: (task.source_name, task.pk))
    ]
    return Page(recipes=found, place=place)


def _recipe(
    mirror: Mirror, task: BuildTask, built: BuildTask | None, proposed: BuildTask, budget: Budget
) -> RecipeDifference:
    base = Base(task=built)
    try:
        base = _base(mirror, built, proposed)
        old = (base.commit, base.directory) if base.commit else None
        found = compare(mirror, old, (task.commit, _directory(task)), budget)
    except GitError as error:
        return RecipeDifference(recipe=task.recipe, task=task, base=base, problem=str(error))
    return RecipeDifference(recipe=task.recipe, task=task, base=base, found=found)


def _base(mirror: Mirror, built: BuildTask | None, proposed: BuildTask) -> Base:
    """Chooses what a recipe is held against. Raises `GitError`."""
    if built is not None:
        if mirror.has(built.commit):
            return Base(commit=built.commit, directory=_directory(built), task=built)
        return Base(task=built, is_lost=True)
    parent, directory = mirror.parent(proposed.commit), _directory(proposed)
    return Base(commit=parent, directory=directory) if parent and mirror.has_directory(parent, directory) else Base()


def _built(firsts: Mapping[int, int], submission: Submission) -> Mapping[int, BuildTask]:
    """Finds for each recipe what was published last before the submission's first task, by the recipe's key."""
    done = _earlier(firsts, submission).filter(status=TaskStatus.COMPLETED)
    newest = done.values("recipe").annotate(newest=Max("pk")).values("newest")
    return _by_recipe(BuildTask.objects.filter(pk__in=newest))


def _proposed(firsts: Mapping[int, int], submission: Submission) -> Mapping[int, BuildTask]:
    """Finds for each recipe the first task that there was of it, which may be the submission's own."""
    known = _earlier(firsts, submission, or_same=True)
    oldest = known.values("recipe").annotate(oldest=Min("pk")).values("oldest")
    return _by_recipe(BuildTask.objects.filter(pk__in=oldest))


def _earlier(firsts: Mapping[int, int], submission: Submission, *, or_same: bool = False) -> BuildTaskQuerySet:
    """Narrows to the recipes' tasks before those of the submission; a test approves of nothing official."""
    lookup = "pk__lte" if or_same else "pk__lt"
    places = Q(pk__in=[])
    for recipe, first in firsts.items():
        places |= Q(recipe=recipe, **{lookup: first})
    rows = BuildTask.objects.filter(places)
    return rows if submission.purpose == Purpose.TEST else rows.filter(purpose=Purpose.OFFICIAL)


def _by_recipe(tasks: Iterable[BuildTask]) -> Mapping[int, BuildTask]:
    return {task.recipe_id: task for task in tasks}


def _directory(task: BuildTask) -> str:
    return task.recipe_path.rpartition("/")[0]
