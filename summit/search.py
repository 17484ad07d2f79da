"""Finds recipes and builds that everybody may see."""

from django.contrib.auth.models import AnonymousUser
from django.db.models import Case, IntegerField, Value, When

from serpent_infra.search import Hit
from summit.models import BuildTask, Recipe


def find(query: str, *, limit: int) -> list[Hit]:
    """Gives recipes by name, then builds by number or source name; private repositories are left out."""
    nobody = AnonymousUser()
    recipes = (
        Recipe.objects.existing()
        .visible_to(nobody)
        .filter(name__icontains=query)
        .annotate(
            rank=Case(
                When(name__iexact=query, then=Value(0)),
                When(name__istartswith=query, then=Value(1)),
                default=Value(2),
                output_field=IntegerField(),
            )
        )
        .select_related("repository__project")
        .order_by("rank", "name")[:limit]
    )
    tasks = BuildTask.objects.visible_to(nobody)
    number = query.removeprefix("#")
    if number.isascii() and number.isdigit():
        tasks = tasks.filter(pk=min(int(number), 2**63 - 1))
    else:
        tasks = tasks.filter(source_name__istartswith=query)
    return [
        *(
            Hit(
                sort="Recipes",
                name=recipe.name,
                uri=recipe.get_absolute_url(),
                note=recipe.summary,
                status="broken" if recipe.is_broken else "",
            )
            for recipe in recipes
        ),
        *(
            Hit(sort="Builds", name=str(task), uri=task.get_absolute_url(), note=f"#{task.pk}", status=task.status)
            for task in tasks.latest_first()[:limit]
        ),
    ]
