"""What is known of a build only once it is published: whom its packages free, and whom they let down.

Only then is the whole order made anew; every other end touches direct dependants alone.
"""

from serpent_infra.formats.dependency import Capability
from summit import publishing, relations
from summit.models import BuildTask, TaskEdge
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


def missed(task: BuildTask) -> set[str]:
    """Gives what builds waited for by a recipe's name alone, and none of its packages provides (texts).

    Costs nothing where a manifest had told what it provides.
    """
    if task.profile.architecture in task.recipe.manifests:
        return set()
    wanted = set(TaskEdge.objects.unmet().holding().filter(needs=task).values_list("capability", flat=True))
    return wanted - set(map(str, _provided(task))) if wanted else set()


def _provided(task: BuildTask) -> set[Capability]:
    packages = publishing.packages_of(task.source_name, task.profile, task.campaign)
    return {capability for package in packages for capability in package.provides}
