"""Building one recipe again without a new release: the button on its page."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from serpent_infra.accounts.people import signed_in
from serpent_infra.views import conflict
from summit import rebuilding
from summit.forms import RebuildForm
from summit.models import Recipe
from summit.states import IllegalTransition, TaskStatus


@login_required
@require_POST
def recipe_rebuild(request: HttpRequest, pk: int) -> HttpResponse:
    """Orders a build of what is published of a recipe, for the profile of the form."""
    rows = Recipe.objects.visible_to(request.user).select_related("repository__project")
    recipe = get_object_or_404(rows, pk=pk)
    user = signed_in(request)
    if not recipe.repository.can_submit(user):
        raise PermissionDenied
    form = RebuildForm(request.POST)
    if not form.is_valid() or form.cleaned_data["profile"].project_id != recipe.repository.project_id:
        raise BadRequest
    asked = form.cleaned_data
    try:
        task = rebuilding.rebuild(recipe, asked["profile"], actor=user, why=asked["reason"], at=timezone.now())
    except (IllegalTransition, rebuilding.NotRebuildable) as refusal:
        return conflict(request, f"{str(refusal)[:1].upper()}{str(refusal)[1:]}.")
    is_waiting = task.status == TaskStatus.IN_REVIEW
    messages.success(request, f"Build {task.pk} {'waits for a second person' if is_waiting else 'is queued'}.")
    return redirect(task)
