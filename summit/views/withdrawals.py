"""Withdrawing what is published of a recipe that is gone: first a look at who needs it, then a word with a reason."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from serpent_infra.accounts.people import signed_in
from serpent_infra.views import conflict
from summit import leftovers, withdrawing
from summit.forms import WithdrawalForm
from summit.models import Project, Withdrawal
from summit.states import IllegalTransition

NAMED = 50
FEW = 10


@require_http_methods(["GET", "HEAD", "POST"])
def withdrawal(request: HttpRequest, project: str, name: str) -> HttpResponse:
    """Shows what would go and who needs it; those who may order it."""
    owner = get_object_or_404(Project, slug=project)
    found = next(iter(leftovers.leftovers(owner, user=request.user, source_name=name)), None)
    past = Withdrawal.objects.visible_to(request.user).latest_first()
    past = past.filter(profile__project=owner, source_name=name)
    if found is None and not past.exists():
        raise Http404
    may = found is not None and found.recipe.repository.can_withdraw(request.user)
    if request.method == "POST":
        if found is None:
            return conflict(request, f"Nothing of {name} is published any more that is gone from git.")
        if not may:
            raise PermissionDenied
        form = WithdrawalForm(request.POST)
        if form.is_valid():
            asked = form.cleaned_data
            try:
                withdrawing.order(
                    found,
                    actor=signed_in(request),
                    reason=asked["reason"],
                    seen=asked["seen"],
                    is_confirmed=asked["is_confirmed"],
                    at=timezone.now(),
                )
            except withdrawing.Unconfirmed as warning:
                form.add_error("is_confirmed", f"{str(warning)[:1].upper()}{str(warning)[1:]}.")
            except IllegalTransition as refusal:
                return conflict(request, f"{str(refusal)[:1].upper()}{str(refusal)[1:]}.")
            else:
                messages.success(request, f"The packages of {name} leave in a moment.")
                return redirect("summit:withdrawal", owner.slug, name)
    else:
        form = WithdrawalForm(initial={"seen": found.seen if found else ""})
    reliance = leftovers.relying_on(found, user=request.user) if found else leftovers.Reliance()
    if reliance.is_empty:
        del form.fields["is_confirmed"]
    context = {
        "section": "collections",
        "project": owner,
        "name": name,
        "leftover": found,
        "reliance": reliance,
        "form": form if may else None,
        "withdrawals": past[:FEW],
        "is_pending": past.pending().exists(),
        "named": f":{NAMED}",
        "most": NAMED,
    }
    return render(
        request, "summit/withdrawal.html", context, status=200 if form.is_valid() or not form.is_bound else 400
    )
