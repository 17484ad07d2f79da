"""What a build takes over from the one that it replaces: what that waited for, who waited for it, its haste and mark.

The order finds by itself what is going to be built. What it cannot know is that a failed build, or one in review, was
waited for although something published would have done: that stands in the edges alone.
"""

from collections.abc import Mapping
from datetime import datetime

from django.db.models import Q

from summit.models import BuildTask, Submission, TaskEdge, moves
from summit.needs import EdgeKind, Usage
from summit.states import WAITING, TaskStatus

_CHUNK = 1000
_NOT_GOING = {TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.REJECTED, TaskStatus.IN_REVIEW}


def inherit(successors: Mapping[int, BuildTask], *, at: datetime) -> None:
    """Hands on the unmet needs of replaced tasks (by their keys), before the order is computed anew."""
    edges = TaskEdge.objects.unmet().exclude(usage=Usage.IMPLIED)
    edges = edges.filter(Q(task__in=successors) | Q(needs__in=successors))
    rows = list(edges.values_list("task", "needs", "capability", "usage"))
    moved = {
        (_now(task, successors), _now(needs, successors)): (capability, usage)
        for task, needs, capability, usage in rows
    }
    states = dict(BuildTask.objects.filter(pk__in={key for pair in moved for key in pair}).values_list("pk", "status"))
    TaskEdge.objects.bulk_create(
        [
            TaskEdge(task_id=task, needs_id=needs, capability=capability, usage=usage, kind=EdgeKind.HARD)
            for (task, needs), (capability, usage) in moved.items()
            if task != needs and states.get(task) in WAITING and states.get(needs) in _NOT_GOING
        ],
        batch_size=_CHUNK,
        ignore_conflicts=True,
    )
    hurried = BuildTask.objects.filter(pk__in=successors, is_expedited=True).values_list("pk", flat=True)
    first = dict.fromkeys((successors[key].pk for key in hurried), "first, as the build was whose place it took")
    moves.expedite(BuildTask.objects.all(), first, actor=None, at=at)
    _mend(successors, at=at)


def _mend(successors: Mapping[int, BuildTask], *, at: datetime) -> None:
    """Lets a newer commit be security where the one that it replaces is: that was not published, so it mends both."""
    replaced = BuildTask.objects.filter(pk__in=successors, submission__is_security=True).values_list("pk", flat=True)
    mending = {successors[key].submission_id for key in replaced}
    Submission.objects.filter(pk__in=mending).update(is_security=True)
    marked = BuildTask.objects.open().filter(submission__in=mending, is_security=False).values_list("pk", flat=True)
    told = dict.fromkeys(marked, "marked as security, as a build was whose place its submission took")
    moves.mark_security(BuildTask.objects.all(), told, is_security=True, actor=None, at=at)


def _now(key: int, successors: Mapping[int, BuildTask]) -> int:
    return successors[key].pk if key in successors else key
