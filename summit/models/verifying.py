"""A build task's way through a second build: its transitions, apart from those that every build makes."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F

from summit.states import TaskStatus

if TYPE_CHECKING:
    from django.db.models import Q

    from serpent_infra.accounts.models import User


class Verifying(models.Model):
    """Transitions of a task that is built a second time; each a compare-and-set that writes its event."""

    class Meta:
        abstract = True

    def verify(self, *, build_seconds: float, at: datetime, sentence: str) -> None:
        """Keeps it from being published until another builder has built the same."""
        changes = {"build_seconds": build_seconds}
        self._move(TaskStatus.VERIFYING, {TaskStatus.BUILDING}, changes, at=at, sentence=sentence)

    def start_again(self, *, at: datetime, sentence: str) -> None:
        """Gives it to a slot for its second build, and counts the attempt."""
        changes = {"attempt_count": F("attempt_count") + 1}
        self._move(TaskStatus.VERIFYING, {TaskStatus.VERIFYING}, changes, at=at, sentence=sentence)

    def wait_again(self, *, at: datetime, sentence: str) -> None:
        """Lets it wait for another second build: the machines let this one down."""
        self._move(TaskStatus.VERIFYING, {TaskStatus.VERIFYING}, {}, at=at, sentence=sentence)

    def _move(
        self,
        target: TaskStatus,
        sources: Collection[TaskStatus],
        changes: Mapping[str, object],
        guard: "Q | None" = None,
        *,
        at: datetime,
        actor: "User | None" = None,
        sentence: str,
    ) -> None:
        raise NotImplementedError
