"""What is known of a build only once it is published: whom its packages free, and whom they let down.

Only then is the whole order made anew; every other end touches direct dependants alone.
"""

from serpent_infra.formats.dependency import Capability
from summit import publishing, relations
from summit.models import BuildTask, Provider, TaskEdge
from summit.needs import BlockReason
from summit.states import TaskStatus

_UNSURE = (BlockReason.MISSING, BlockReason.CYCLE)


def may_free(task: BuildTask) -> bool:
    """Says whether a build that is blocked by something missing, or by a cycle, needs what was published of a task.

    Costs one query where nothing is blocked so.
    """
    unsure = BuildTask.objects.filter(
        profile=task.profile, campaign=task.campaign_id, status=TaskStatus.BLOCKED, block_reason__in=_UNSURE
    )
    if not unsure.exists():
        return False
    provided = _provided(task)
    recipes = unsure.values("recipe")
    asking = relations.asking_for(provided, architecture=task.profile.architecture)
    return any(rows.filter(recipe__in=recipes).exists() for rows in asking)


def lets_down(task: BuildTask) -> bool:
    """Says whether a build waited for this one by its name alone, and needs what none of its packages provides.

    Costs one query where a manifest had told what it provides.
    """
    if Provider.objects.filter(recipe=task.recipe_id, architecture=task.profile.architecture).exists():
        return False
    wanted = set(TaskEdge.objects.unmet().holding().filter(needs=task).values_list("capability", flat=True))
    if not wanted:
        return False
    return not wanted <= set(map(str, _provided(task)))


def _provided(task: BuildTask) -> set[Capability]:
    packages = publishing.packages_of(task.source_name, task.profile, task.campaign)
    return {capability for package in packages for capability in package.provides}
