"""Read endpoints: builders and attempts."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from avalanche import attempts, fleet
from avalanche.api.serializers import AttemptSerializer, BuilderDetailSerializer, BuilderSerializer
from avalanche.fleet import Examined
from avalanche.models import Builder
from avalanche.statuses import UnknownAttempt
from serpent_infra.api.pagination import StandardPagination


class BuildersView(APIView):
    """All builders, by name."""

    @extend_schema(responses=BuilderSerializer(many=True), operation_id="builders_list")
    def get(self, request: Request) -> Response:
        """Lists builders with their status and latest measurement, a page at a time."""
        paginator = StandardPagination()
        found = Builder.objects.with_slot_counts().with_latest_sample().order_by("name")
        page = paginator.paginate_queryset(found, request, view=self) or []
        rows = [_row(one) for one in _examine(page)]
        return paginator.get_paginated_response(BuilderSerializer(rows, many=True).data)


class BuilderView(APIView):
    """One builder."""

    @extend_schema(responses=BuilderDetailSerializer, operation_id="builders_retrieve")
    def get(self, request: Request, name: str) -> Response:  # noqa: ARG002 - Django's signature
        """Gives a builder with its slots."""
        found = list(Builder.objects.with_slot_counts().with_latest_sample().filter(name=name))
        if not found:
            raise Http404
        row = _row(_examine(found)[0])
        row.current_slots = list(found[0].slots.current().order_by("index"))
        return Response(BuilderDetailSerializer(row).data)


class AttemptView(APIView):
    """One attempt."""

    @extend_schema(responses=AttemptSerializer, operation_id="attempts_retrieve")
    def get(self, request: Request, attempt: UUID) -> Response:  # noqa: ARG002 - Django's signature
        """Gives an attempt with its events, phases and artefacts."""
        try:
            found = attempts.get(attempt)
        except UnknownAttempt as error:
            raise Http404 from error
        return Response(AttemptSerializer(found).data)


def _examine(builders: Sequence[Builder]) -> list[Examined]:
    return fleet.examine(builders, at=timezone.now())


def _row(one: Examined) -> Any:  # noqa: ANN401 - a builder that carries its verdict to the serializer
    row: Any = one.builder
    row.health, row.sample = one.health, one.sample
    return row
