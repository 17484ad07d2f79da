"""People: who there is, and one's own profile with API tokens."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import Group
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from serpent_infra.accounts.forms import TokenForm
from serpent_infra.accounts.models import ServiceToken, User
from serpent_infra.accounts.people import signed_in

PAGE_SIZE = 50


@require_safe
def user_list(request: HttpRequest) -> HttpResponse:
    """Lists the people of the site and the groups that permissions are given to."""
    people = User.objects.filter(is_active=True).order_by("username").prefetch_related("groups")
    page = Paginator(people, PAGE_SIZE).get_page(request.GET.get("page"))
    groups = Group.objects.annotate(people=Count("user", filter=Q(user__is_active=True))).order_by("name")
    return render(request, "accounts/user_list.html", {"section": "users", "page": page, "groups": groups})


@require_safe
def user_detail(request: HttpRequest, username: str) -> HttpResponse:
    """Shows one person and the groups they are in."""
    person = get_object_or_404(User.objects.filter(is_active=True), username=username)
    return render(
        request,
        "accounts/user_detail.html",
        {"section": "users", "person": person, "groups": person.groups.order_by("name")},
    )


@login_required
@never_cache
@sensitive_variables("secret")
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Shows one's own account and API tokens; a POST makes a token, whose secret is shown this once."""
    owner = signed_in(request)
    form = TokenForm(request.POST if request.method == "POST" else None, owner=owner)
    secret = ""
    if request.method == "POST" and form.is_valid():
        _, secret = form.issue()
        form = TokenForm(owner=owner)
    context = {
        "section": "users",
        "person": owner,
        "groups": owner.groups.order_by("name"),
        "tokens": owner.service_tokens.order_by("-created_at"),
        "form": form,
        "secret": secret,
    }
    return render(request, "accounts/profile.html", context)


@login_required
@require_POST
def token_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Revokes one of the person's own tokens; nobody learns of another's."""
    token = get_object_or_404(ServiceToken, pk=pk, owner=signed_in(request))
    token.delete()
    messages.success(request, f"The token “{token.name}” is revoked.")
    return redirect("profile")
