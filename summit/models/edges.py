"""Why one task waits for another: each need keeps the capability that made it, staged ones too."""

from typing import Self

from django.db import models
from django.db.models import Count, F, Q

from summit.models.tasks import BuildTask
from summit.needs import EdgeKind, Usage


class TaskEdgeQuerySet(models.QuerySet["TaskEdge"]):
    """Finds needs."""

    def unmet(self) -> Self:
        """Narrows to needs that are still waited for."""
        return self.filter(kind=EdgeKind.HARD, satisfied_at__isnull=True)

    def holding(self) -> Self:
        """Leaves out the implied ones: nobody is stopped by what is only implied."""
        return self.exclude(usage=Usage.IMPLIED)

    def give_way(self) -> int:
        """Stages the implied needs among these that are waited for, and counts them; the caller holds the profile."""
        waited = self.unmet().filter(usage=Usage.IMPLIED)
        fewer: dict[int, list[int]] = {}
        for task, count in waited.order_by().values_list("task").annotate(count=Count("pk")):
            fewer.setdefault(count, []).append(task)
        for count, tasks in fewer.items():
            BuildTask.objects.filter(pk__in=tasks, blockers__gte=count).update(blockers=F("blockers") - count)
        return waited.update(kind=EdgeKind.STAGED)


class TaskEdge(models.Model):
    """`task` needs what `needs` will provide: `capability` is the first dependency (text) that says so."""

    task = models.ForeignKey(BuildTask, on_delete=models.CASCADE, related_name="needs")
    needs = models.ForeignKey(BuildTask, on_delete=models.CASCADE, related_name="needed_by")
    capability = models.CharField(max_length=560)
    usage = models.CharField(max_length=8, default="build")
    kind = models.CharField(
        max_length=8, choices=[(kind.value, kind.value) for kind in EdgeKind], default=EdgeKind.HARD.value
    )
    published = models.CharField(max_length=400, blank=True)  # staged: what is used instead, "B 1.2-3"
    satisfied_at = models.DateTimeField(null=True, blank=True)

    objects = TaskEdgeQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["task", "needs"], name="one_edge_between_two_tasks"),
            models.CheckConstraint(condition=~Q(task=F("needs")), name="no_task_needs_itself"),
        ]
        indexes = [
            models.Index(
                fields=["needs"], condition=Q(kind="hard", satisfied_at__isnull=True), name="edge_unmet_by_need"
            )
        ]

    def __str__(self) -> str:
        return f"{self.task_id} needs {self.needs_id} for {self.capability}"
