"""What is known of a build only once it is published: whom its packages free, and whom they let down.

Only then is the whole order made anew; every other end touches direct dependants alone.
"""

from django.db.models import Q

from summit import publishing
from summit.models import BuildTask, Dependency, Provider, TaskEdge
from summit.needs import BlockReason, Usage
from summit.states import TaskStatus

_CHUNK = 500  # as many names as a statement may hold on every database, with room to spare
_UNSURE = (BlockReason.MISSING, BlockReason.CYCLE)


def may_free(task: BuildTask) -> bool:
    """Says whether a build that is blocked by something missing, or by a cycle, needs what was published of a task.

    Costs one query where nothing is blocked so.
    """
    unsure = BuildTask.objects.filter(
        profile=task.profile, campaign=task.campaign_id, status=TaskStatus.BLOCKED, block_reason__in=_UNSURE
    )
    recipes = set(unsure.values_list("recipe", flat=True))
    if not recipes:
        return False
    packages = publishing.packages_of(task.source_name, task.profile, task.campaign)
    provided = {(one.kind.value, one.target) for package in packages for one in package.provides}
    targets = sorted({target for _, target in provided})
    written = Dependency.objects.exclude(usage=Usage.IMPLIED)
    written = written.filter(Q(architecture="") | Q(architecture=task.profile.architecture))
    for start in range(0, len(targets), _CHUNK):
        rows = written.filter(target__in=targets[start : start + _CHUNK]).values_list("recipe", "kind", "target")
        if any(recipe in recipes and (kind, target) in provided for recipe, kind, target in rows):
            return True
    return False


def lets_down(task: BuildTask) -> bool:
    """Says whether a build waited for this one by its name alone, and needs what none of its packages provides.

    Costs one query where a manifest had told what it provides.
    """
    if Provider.objects.filter(recipe=task.recipe_id, architecture=task.profile.architecture).exists():
        return False
    wanted = set(TaskEdge.objects.unmet().holding().filter(needs=task).values_list("capability", flat=True))
    if not wanted:
        return False
    packages = publishing.packages_of(task.source_name, task.profile, task.campaign)
    return not wanted <= {str(one) for package in packages for one in package.provides}
