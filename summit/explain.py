"""Why is it not building? One sentence for every open task, in parts, so that pages can make links of some."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from summit import dispatch, permissions
from summit.models import BuildTask, TaskEdge
from summit.states import TaskStatus

_NAMED_NEEDS = 3


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a sentence; `kind` says what it names (task, builder, submission, profile or "" nothing).

    `key` says which one.
    """

    text: str
    kind: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """One sentence; `parts` join to its text."""

    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The sentence as plain text."""
        return "".join(part.text for part in self.parts)

    def __str__(self) -> str:
        return self.text


def explain(task: BuildTask, *, at: datetime) -> Explanation:
    """Says in one sentence what an open task is waiting for, or what became of a closed one."""
    return Explanation(tuple(_parts(task, at=at)))


def _parts(task: BuildTask, *, at: datetime) -> Iterable[Part]:
    match task.status:
        case TaskStatus.IN_REVIEW:
            parts = _in_review(task)
        case TaskStatus.QUEUED:
            parts = _queued(task, at=at)
        case TaskStatus.BLOCKED:
            parts = _blocked(task)
        case TaskStatus.BUILDING | TaskStatus.VERIFYING:
            parts = _building(task)
        case TaskStatus.PUBLISHING:
            parts = [Part("It is built; the repository is taking its packages in.")]
        case _:
            parts = _closed(task)
    return parts


def _closed(task: BuildTask) -> list[Part]:
    if task.status == TaskStatus.COMPLETED:
        return [Part(f"It is published in version {task.published_version}.")]
    if task.status == TaskStatus.FAILED:
        return [Part(f"It failed: {(task.problem or task.failure_kind).rstrip('.')}.")]
    if task.superseded_by is not None:
        newer = Part(str(task.superseded_by), "task", str(task.superseded_by_id))
        return [Part("A newer commit took its place: "), newer, Part(".")]
    return [Part(f"It was {TaskStatus(task.status).label.lower()}.")]


def _in_review(task: BuildTask) -> list[Part]:
    people = [person.get_username() for person in permissions.reviewers(task.recipe.repository)]
    named = ", ".join(people) or "nobody yet has the right; an administrator can grant review_build"
    return [
        Part("It waits for a second person to review "),
        Part(str(task.submission), "submission", str(task.submission_id)),
        Part(f" ({named})."),
    ]


def _queued(task: BuildTask, *, at: datetime) -> list[Part]:
    if task.profile.is_paused or task.profile.project.is_paused:
        return [Part(str(task.profile), "profile", str(task.profile_id)), Part(" is paused.")]
    if task.blockers:
        return _waits(task, at=at)
    if task.not_before is not None and task.not_before > at:
        seconds = round((task.not_before - at).total_seconds())
        return [Part(f"A builder let it down; it is tried again in {seconds} s.")]
    return _wants_slot(task, at=at)


def _waits(task: BuildTask, *, at: datetime) -> list[Part]:
    edges = list(TaskEdge.objects.unmet().filter(task=task).select_related("needs").order_by("-needs__priority", "pk"))
    if not edges:
        return [Part("Its needs have just been met.")]
    # What is furthest on is what a person can look at now.
    edges.sort(key=lambda edge: edge.needs.status not in {TaskStatus.BUILDING, TaskStatus.PUBLISHING})
    parts = [Part("It waits for ")]
    for number, edge in enumerate(edges[:_NAMED_NEEDS]):
        if number:
            parts.append(Part(", "))
        parts.append(Part(str(edge.needs), "task", str(edge.needs_id)))
        parts.append(Part(f" ({_stage(edge.needs, at=at)})"))
    if len(edges) > _NAMED_NEEDS:
        parts.append(Part(f" and {len(edges) - _NAMED_NEEDS} more"))
    return [*parts, Part(".")]


def _stage(need: BuildTask, *, at: datetime) -> str:
    if need.status == TaskStatus.BUILDING and need.started_at is not None:
        left = need.estimate_seconds - (at - need.started_at).total_seconds()
        return f"building, about {_duration(left)}" if left > 0 else "building, longer than usual"
    return TaskStatus(need.status).label.lower()


def _wants_slot(task: BuildTask, *, at: datetime) -> list[Part]:
    level = f" with {task.profile.isa_level}" if task.profile.isa_level else ""
    tier = f"{task.purpose} {task.architecture}"
    suitable = dispatch.who_could_take(task.profile, at=at)
    if not suitable:
        return [Part(f"No builder for {tier} builds{level} is enrolled.")]
    online = [builder for builder in suitable if builder.is_online and not builder.is_draining]
    if not online:
        parts = [Part(f"No builder for {tier} builds{level} is online: ")]
        for number, builder in enumerate(suitable[:_NAMED_NEEDS]):
            state = "is draining" if builder.is_online else "is silent"
            parts += [Part(", " if number else ""), Part(builder.name, "builder", builder.name), Part(f" {state}")]
        return [*parts, Part(".")]
    ahead = BuildTask.objects.ready(at=at).filter(architecture=task.architecture, priority__gt=task.priority).count()
    busy = sum(builder.slots_busy for builder in online)
    total = sum(builder.slots_total for builder in online)
    return [Part(f"It is ready and waits for a slot: {busy} of {total} are busy, {ahead} builds go before it.")]


def _blocked(task: BuildTask) -> list[Part]:
    needs = list(
        TaskEdge.objects.unmet().filter(task=task, needs__problem__gt="").select_related("needs").order_by("pk")[:1]
    )
    sentence = task.problem[:1].upper() + task.problem[1:]
    parts = [Part(f"It is blocked. {sentence}")]
    if needs:
        parts += [Part(": "), Part(str(needs[0].needs), "task", str(needs[0].needs_id))]
    return [*parts, Part("." if not parts[-1].text.endswith(".") else "")]


def _building(task: BuildTask) -> list[Part]:
    latest = task.attempts.order_by("-number").first()
    if latest is None:
        return [Part("It is building.")]
    place = Part(latest.builder, "builder", latest.builder)
    return [Part("It is building on "), place, Part(f", slot {latest.slot} (attempt {latest.number}).")]


def explanations(tasks: Iterable[BuildTask], *, at: datetime) -> Mapping[int, str]:
    """Gives short forms for a list, by task id, in two queries: what each waits for first."""
    waiting = [task for task in tasks if task.status == TaskStatus.QUEUED and task.blockers]
    first: dict[int, str] = {}
    edges = TaskEdge.objects.unmet().filter(task__in=[task.pk for task in waiting]).select_related("needs")
    for edge in edges.order_by("-needs__priority"):
        first.setdefault(edge.task_id, f"waits for {edge.needs}")
    result: dict[int, str] = {}
    for task in tasks:
        if task.pk in first:
            more = f" and {task.blockers - 1} more" if task.blockers > 1 else ""
            result[task.pk] = first[task.pk] + more
        elif task.problem:
            result[task.pk] = task.problem
        elif task.not_before is not None and task.not_before > at:
            result[task.pk] = "is tried again soon"
        elif task.is_ready:
            result[task.pk] = "ready for a slot"
    return result


def _duration(seconds: float) -> str:
    if seconds < 90:  # noqa: PLR2004 - below that people count in seconds
        return f"{seconds:.0f} s"
    if seconds < 5400:  # noqa: PLR2004 - and below that in minutes
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
