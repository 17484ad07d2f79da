"""The pages that belong to no app: finding, and what stands at `/` where summit is not installed."""

from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from serpent_infra import search as finding

AS_ONE_TYPES = 5  # hits of a sort in the list under the field
ON_THE_PAGE = 50


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Shows the way to the parts that are installed."""
    return render(request, "site/home.html", {"section": "home"})


@require_safe
@vary_on_headers("HX-Request")
def search(request: HttpRequest) -> HttpResponse:
    """Finds as one types (the fragment), and as a page without script."""
    query = request.GET.get("q", "")[: finding.LONGEST_QUERY].strip()
    is_fragment = bool(cast("Any", request).htmx)
    groups = finding.find(query, limit=AS_ONE_TYPES if is_fragment else ON_THE_PAGE)
    template = "site/_hits.html" if is_fragment else "site/search.html"
    return render(request, template, {"query": query, "groups": groups, "limit": ON_THE_PAGE})


def conflict(request: HttpRequest, sentence: str) -> HttpResponse:
    """Says that the thing has moved on since the page was shown (409)."""
    return render(request, "409.html", {"sentence": sentence}, status=409)
