"""Why is it not building? One sentence for every build, in parts, so that pages can make links of some."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings

from serpent_infra.words import duration
from summit import demands, dispatch, outlook, permissions, publishing, suiting
from summit.fitting import as_ready
from summit.models import BuildTask, Control, ControlEvent, Project, TaskEdge, Verification
from summit.scheduler import Ready
from summit.states import RETRYABLE, STUCK, TaskStatus

_NAMED_NEEDS = 3
_DEEPEST = 12  # needs followed to the one that stopped them, a query each
_TAKING_IN = {
    publishing.ImportStatus.REQUESTED: "and the repository is about to fetch its packages",
    publishing.ImportStatus.FETCHING: "and the repository is fetching its packages",
    publishing.ImportStatus.VERIFYING: "and the repository is checking and publishing its packages",
}
_SHORT = {
    TaskStatus.IN_REVIEW: "waits for a second person",
    TaskStatus.VERIFYING: "built once, to be built a second time by another owner's builder",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a sentence; `kind` says what it names (task, builder, submission, project or "" nothing).

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
        case TaskStatus.BUILDING:
            parts = _building(task, at=at)
        case TaskStatus.VERIFYING:
            parts = _verifying(task, at=at)
        case TaskStatus.PUBLISHING:
            parts = _publishing(task, at=at)
        case _:
            parts = _closed(task)
    return parts


def _task(task: BuildTask) -> Part:
    return Part(str(task), "task", str(task.pk))


def _closed(task: BuildTask) -> list[Part]:
    if task.status == TaskStatus.COMPLETED:
        return [Part(f"It is published in version {task.published_version}.")]
    if task.status == TaskStatus.FAILED:
        return [Part(f"It failed: {(task.problem or task.failure_kind or 'nobody said why').rstrip('.')}.")]
    if task.superseded_by is not None:
        return [Part("A newer commit took its place: "), _task(task.superseded_by), Part(".")]
    latest = task.events.filter(target=task.status).order_by("pk").last()
    reason = f": {latest.sentence.rstrip('.')}" if latest is not None and latest.sentence else ""
    return [Part(f"It was {TaskStatus(task.status).label.lower()}{reason}.")]


def _in_review(task: BuildTask) -> list[Part]:
    repository = task.recipe.repository
    named = [f"group {name}" for name in permissions.reviewing_groups(repository)]
    named += [person.get_username() for person in permissions.reviewers_of_their_own(repository)]
    who = " or ".join(named) or "nobody yet has the right; an administrator can grant review_build"
    end = task.submission.created_at + timedelta(days=settings.SERPENT_REVIEW_DAYS)
    return [
        Part("It waits for a second person to review "),
        Part(str(task.submission), "submission", str(task.submission_id)),
        Part(f" ({who}), and is rejected where nobody does until {end:%d %B %Y}."),
    ]


def _queued(task: BuildTask, *, at: datetime) -> list[Part]:
    if task.profile.is_paused or task.profile.project.is_paused:
        return _paused(task)
    if task.profile.plan_error:
        where = Part(str(task.profile), "project", task.profile.project.slug)
        return [Part("Nothing of "), where, Part(f" is built until it is in order: {task.profile.plan_error}.")]
    if task.blockers:
        return _waits(task, at=at)
    if task.not_before is not None and task.not_before > at:
        return _rests(task, at=at)
    return _wants_slot(task, at=at)


def _paused(task: BuildTask) -> list[Part]:
    project = task.profile.project
    subject: Project | str = project if project.is_paused else str(task.profile)
    events = ControlEvent.objects.of(project).filter(action=Control.PAUSE, profile__isnull=project.is_paused)
    event = events.first()
    by = f" by {event.actor.get_username()}" if event is not None and event.actor is not None else ""
    why = f": {event.sentence.rstrip('.')}" if event is not None and event.sentence else ""
    return [Part(str(subject), "project", project.slug), Part(f" is paused{by}{why}.")]


def _rests(task: BuildTask, *, at: datetime) -> list[Part]:
    latest = task.attempts.order_by("number").last()
    rest = duration((task.not_before or at) - at)
    if latest is None:
        return [Part(f"It rests, and is tried again in {rest}.")]
    place = Part(latest.builder, "builder", latest.builder)
    why = f" ({latest.failure_message.rstrip('.')})" if latest.failure_message else ""
    return [place, Part(f" let it down{why}; it is tried again in {rest}.")]


def _waits(task: BuildTask, *, at: datetime) -> list[Part]:
    edges = list(TaskEdge.objects.unmet().filter(task=task).select_related("needs").order_by("-needs__priority", "pk"))
    if not edges:
        return [Part("Its needs have just been met.")]
    # What is furthest on is what a person can look at now.
    edges.sort(key=lambda edge: edge.needs.status not in {TaskStatus.BUILDING, TaskStatus.PUBLISHING})
    named = [edge.needs for edge in edges[:_NAMED_NEEDS]]
    tries = dispatch.latest_attempts([need for need in named if need.status == TaskStatus.BUILDING])
    parts = [Part("It waits for ")]
    for number, need in enumerate(named):
        if number:
            parts.append(Part(", "))
        parts += [_task(need), *_stage(need, tries.get(need.pk), at=at)]
    if len(edges) > _NAMED_NEEDS:
        parts.append(Part(f" and {len(edges) - _NAMED_NEEDS} more"))
    return [*parts, Part(".")]


def _stage(need: BuildTask, latest: dispatch.TaskAttempt | None, *, at: datetime) -> list[Part]:
    """Says how far something is that a build waits for, where it builds, and how long that will take."""
    if need.status != TaskStatus.BUILDING or latest is None:
        return [Part(f" ({TaskStatus(need.status).label.lower()})")]
    builder = latest.reference.builder
    return [
        Part(" (building on "),
        Part(builder, "builder", builder),
        Part(f", {_left(need, need.started_at, at=at)})"),
    ]


def _left(task: BuildTask, since: datetime | None, *, at: datetime) -> str:
    if since is None:
        return "just begun"
    left = task.estimate_seconds - (at - since).total_seconds()
    return f"about {duration(left)}" if left > 0 else "longer than usual"


def _wants_slot(task: BuildTask, *, at: datetime) -> list[Part]:
    wanted, learnt = as_ready(task, task.profile), demands.learnt_by(task)
    builders = [one for one in dispatch.fleet(at=at) if one.architecture == task.architecture]
    if not builders:
        return [Part(f"It needs a builder for {task.architecture}, and no such builder is enrolled.")]
    slots = dispatch.working_slots(at=at)
    working = {slot.builder for slot in slots}
    if not any(builder.name in working for builder in builders):
        parts = [Part(f"No builder for {task.architecture} works now: ")]
        for number, builder in enumerate(builders[:_NAMED_NEEDS]):
            parts += [Part(", " if number else ""), Part(builder.name, "builder", builder.name)]
            parts.append(Part(f" {_idle_because(builder)}"))
        return [*parts, Part(".")]
    if why := suiting.obstacle(wanted, slots, learnt=learnt):
        return [Part(f"It {why}.")]
    fit = suiting.suitable(wanted, slots)
    free = {(slot.builder, slot.index) for slot in dispatch.free_slots(at=at)}
    busy = sum((slot.builder, slot.index) not in free for slot in fit)
    ahead = outlook.latest(at=at).ahead_of(task)
    if ahead is None:  # too many go before it to be looked at
        ahead = BuildTask.objects.ready(at=at).filter(architecture=task.architecture).before(task).count()
    before = f"{ahead} {'build goes' if ahead == 1 else 'builds go'} before it"
    short = suiting.shortfall(wanted, slots, learnt=learnt)
    begin = f"It {short}" if short else "It is ready and waits for a slot"
    return [Part(f"{begin}: {busy} of {len(fit)} that may take it are busy, {before}.")]


def _idle_because(builder: dispatch.BuilderStatus) -> str:
    if builder.is_draining:
        return "is draining"
    if not builder.is_online:
        return "is silent"
    return f"says: {builder.problem.rstrip('.')}" if builder.problem else "takes no work"


def _blocked(task: BuildTask) -> list[Part]:
    sentence = (task.problem[:1].upper() + task.problem[1:]).rstrip(".")
    parts = [Part(f"It is blocked. {sentence}")]
    guilty = _guilty(task)
    if guilty is not None:
        parts += [Part("; it goes on when "), _task(guilty), Part(" is built after all")]
    return [*parts, Part(".")]


def _guilty(task: BuildTask) -> BuildTask | None:
    """Follows needs to the one that ended without a result, however far it is; None for other reasons."""
    frontier, seen = [task.pk], {task.pk}
    for _ in range(_DEEPEST):
        edges = TaskEdge.objects.unmet().filter(task__in=frontier, needs__status__in=STUCK).select_related("needs")
        needs = [edge.needs for edge in edges.order_by("pk") if edge.needs_id not in seen]
        for need in needs:
            if need.status in RETRYABLE or need.status == TaskStatus.REJECTED:
                return need
        frontier = [need.pk for need in needs]
        seen.update(frontier)
        if not frontier:
            break
    return None


def _building(task: BuildTask, *, at: datetime) -> list[Part]:
    latest = dispatch.latest_attempts([task]).get(task.pk)
    if latest is None:
        return [Part("It is building.")]
    reference, status = latest.reference, latest.status
    place = Part(reference.builder, "builder", reference.builder)
    slot = f", slot {reference.slot} (attempt {reference.number})"
    if status is None:
        return [
            Part("It was given to "),
            place,
            Part(f"{slot}, which knows nothing of it; it is about to be repeated."),
        ]
    if not status.is_open:
        return [Part("It has ended on "), place, Part(f"{slot}; what follows is about to be settled.")]
    if status.started_at is None:
        return [Part("It is offered to "), place, Part(f"{slot}, whose worker has not taken it yet.")]
    phase = f", phase {status.phase}" if status.phase else ""
    since = status.started_at if reference.is_second else task.started_at
    return [Part("It is building on "), place, Part(f"{slot}{phase}: {_left(task, since, at=at)}.")]


def _verifying(task: BuildTask, *, at: datetime) -> list[Part]:
    found = Verification.objects.open().select_related("built", "second").filter(task=task).first()
    if found is None:
        return [Part("What was built first is known no more; it is about to be built again.")]
    builder = found.built.builder
    parts = [Part("It was built by "), Part(builder, "builder", builder)]
    if found.is_building:
        now = _building(task, at=at)
        begin = now[0].text[:1].lower() + now[0].text[1:]
        return [*parts, Part(f", and is built a second time by another owner: {begin}"), *now[1:]]
    if task.profile.is_paused or task.profile.project.is_paused:
        return [*parts, Part(" and waits to be built a second time, but "), *_paused(task)]
    if found.not_before is not None and found.not_before > at:
        rest = duration(found.not_before - at)
        why = (found.second.failure_message if found.second is not None else "").rstrip(".")
        told = f" {found.second_place} could not build it a second time{f' ({why})' if why else ''}; another try begins"
        return [*parts, Part(f";{told} in {rest}.")]
    wanted = as_ready(task, task.profile, other_than=found.owner)
    until = f"; where none does by {found.until:%d %B, %H:%M} UTC, it fails"
    return [*parts, Part(f"; it waits for a builder of another owner {_second_slot(wanted, at=at)}{until}.")]


def _second_slot(wanted: Ready, *, at: datetime) -> str:
    """Says what a second build waits for: its turn on slots that may take it, or a slot that may."""
    slots = dispatch.working_slots(at=at)
    fit = suiting.suitable(wanted, slots)
    if fit:
        free = {(slot.builder, slot.index) for slot in dispatch.free_slots(at=at)}
        busy = sum((slot.builder, slot.index) not in free for slot in fit)
        return f"to build it a second time: {busy} of {len(fit)} that may take it are busy"
    others = [slot for slot in slots if slot.owner != wanted.other_than]
    if not slots:
        missing = "no builder works now"
    elif not others:
        missing = "every slot that works now is of the owner whose builder built it"
    else:
        missing = f"it {suiting.obstacle(replace(wanted, other_than=None), others)}"
    return f"that can take it, to build it a second time: {missing}"


def _publishing(task: BuildTask, *, at: datetime) -> list[Part]:
    latest = task.attempts.exclude(import_reference="").order_by("-number").first()
    report = publishing.import_of(latest.import_reference) if latest is not None else None
    if report is None:
        return [Part("It is built; the repository knows nothing of it yet, and is asked once more.")]
    if not report.is_open:
        return [Part("It is built, and the repository has answered; what follows is about to be settled.")]
    trouble = f"; the latest try ended so: {report.problem.rstrip('.')}" if report.problem else ""
    since = duration(at - report.updated_at)
    return [Part(f"It is built, {_TAKING_IN[report.status]} (for {since}){trouble}.")]


def explanations(tasks: Iterable[BuildTask], *, at: datetime) -> Mapping[int, str]:
    """Gives short forms for a list, by task id, in two queries: what each waits for first."""
    waiting = [task for task in tasks if task.status == TaskStatus.QUEUED and task.blockers]
    first: dict[int, str] = {}
    edges = TaskEdge.objects.unmet().filter(task__in=[task.pk for task in waiting]).select_related("needs")
    for edge in edges.order_by("-needs__priority"):
        first.setdefault(edge.task_id, f"waits for {edge.needs}")
    return {task.pk: sentence for task in tasks if (sentence := _short(task, first, at=at))}


def _short(task: BuildTask, first: Mapping[int, str], *, at: datetime) -> str:
    if task.pk in first:
        return first[task.pk] + (f" and {task.blockers - 1} more" if task.blockers > 1 else "")
    if task.problem:
        return task.problem
    if task.status in _SHORT:
        return _SHORT[TaskStatus(task.status)]
    if task.status == TaskStatus.QUEUED and (task.profile.is_paused or task.profile.project.is_paused):
        return "is paused"
    if task.not_before is not None and task.not_before > at:
        return f"is tried again in {duration(task.not_before - at)}"
    return "ready for a slot" if task.is_ready else ""
