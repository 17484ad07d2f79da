"""Open builds as the line that pages show: in the order in which slots will take them, what cannot run at its end."""

from collections.abc import Sequence
from functools import cached_property
from typing import overload

from django.db.models import Case, Value, When

from summit.models import BuildTask
from summit.models.tasks import BuildTaskQuerySet
from summit.models.urgency import FIRST
from summit.outlook import Foresight
from summit.states import TaskStatus

# Of what is not foreseen: what only waits for room or a pause's end, then what waits for a person, then for a cure.
_LAST = Case(
    When(status=TaskStatus.IN_REVIEW, then=Value(2)),
    When(status=TaskStatus.BLOCKED, then=Value(3)),
    default=Value(1),
)


class Line(Sequence[BuildTask]):
    """The open ones of some builds, for paginators.

    First what has begun, the furthest on first; then what is foreseen to begin, in that order; then all others.
    """

    def __init__(self, tasks: BuildTaskQuerySet, foresight: Foresight) -> None:
        self.tasks = tasks.open()
        self.foresight = foresight

    @cached_property
    def _count(self) -> int:
        return self.tasks.count()

    @cached_property
    def _head(self) -> list[int]:
        """Lists the ids of those of which something is foreseen, in their order."""
        order = list(self.foresight.outlooks)
        here = set(self.tasks.filter(pk__in=order).order_by().values_list("pk", flat=True))
        return [key for key in order if key in here]

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, part: int) -> BuildTask: ...

    @overload
    def __getitem__(self, part: slice) -> list[BuildTask]: ...

    def __getitem__(self, part: int | slice) -> BuildTask | list[BuildTask]:
        """Fetches one, or a part without steps, counted from the front."""
        if isinstance(part, int):
            return self._part(part, part + 1)[0]
        start, stop, _ = part.indices(len(self))
        return self._part(start, stop)

    def _part(self, start: int, stop: int) -> list[BuildTask]:
        keys, before = self._head[start:stop], len(self._head)
        found = self.tasks.in_bulk(keys)
        tasks = [found[key] for key in keys if key in found]
        if stop > before:
            rest = self.tasks.exclude(pk__in=self._head).order_by(_LAST, *FIRST)
            tasks += rest[max(start - before, 0) : stop - before]
        return tasks
