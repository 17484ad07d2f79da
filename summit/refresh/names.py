"""Names within a project: of several recipes of one name the first that was known has it, the others say so.

Otherwise whoever may push to one repository of a project could replace the packages of another's.
"""

from collections.abc import Collection

from django.db.models import Count

from summit.models import Project, Recipe
from summit.refresh import packages


def settle_names(project: Project, *, newcomers: Collection[int]) -> None:
    """Gives every name of a project to one recipe, and marks the others that exist by a conflict; frees who lost one.

    `newcomers` (keys) did not have their names before: whoever had one keeps it. A recipe that is gone let go of its
    name.
    """
    packages.hold_names(project)
    named = Recipe.objects.existing().filter(repository__project=project, release__gt=0)
    shared = named.order_by().values("name").annotate(count=Count("pk")).filter(count__gt=1).values("name")
    taken: dict[str, Recipe] = {}
    conflicts: dict[int, str] = {}
    sharing = named.filter(name__in=shared).select_related("repository")
    for recipe in sorted(sharing, key=lambda row: (row.pk in newcomers, bool(row.conflict), row.pk)):
        owner = taken.setdefault(recipe.name, recipe)
        if owner is not recipe:
            conflicts[recipe.pk] = _sentence(recipe, owner)
    marked = dict(Recipe.objects.filter(repository__project=project).exclude(conflict="").values_list("pk", "conflict"))
    # Whoever waited for a name may make packages that somebody else makes by now.
    getting = Recipe.objects.existing().filter(pk__in=marked.keys() - conflicts.keys())
    conflicts |= packages.conflicts_of(project, getting)
    for key in marked.keys() | conflicts.keys():
        if marked.get(key, "") != conflicts.get(key, ""):
            Recipe.objects.filter(pk=key).update(conflict=conflicts.get(key, ""))


def _sentence(recipe: Recipe, owner: Recipe) -> str:
    place = owner.path
    if owner.repository_id != recipe.repository_id:
        # Who may see this recipe need not be allowed to see the other's repository.
        place = "a private repository" if owner.repository.is_private else f"{owner.repository.slug}: {owner.path}"
    return f"another recipe of the project is named {recipe.name} already ({place}), so this one is not built"
