"""Saying over REST whether a submission mends a vulnerability."""

from collections.abc import Callable

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from serpent_infra.api.problems import Conflict
from summit import security
from summit.api import serializers
from summit.api.builds import person
from summit.models import Submission
from summit.states import IllegalTransition


class _Marking(APIView):
    """What both share: find, check the right, read the reason, act, answer with the submission as it is then."""

    permission_classes = (IsAuthenticated,)

    def order(self, request: Request, pk: int, act: Callable[..., None]) -> Response:
        """Acts; 403 without the right, 409 when it is so already or all builds are over."""
        user = person(request)
        rows = Submission.objects.visible_to(user).select_related("repository__project", "author")
        submission = get_object_or_404(rows, pk=pk)
        if not submission.can_mark_security(user):
            raise PermissionDenied
        why = serializers.read_reason(request)
        try:
            act(submission, actor=user, why=why, at=timezone.now())
        except IllegalTransition as refusal:
            raise Conflict(f"{str(refusal)[:1].upper()}{str(refusal)[1:]}.") from refusal
        return Response(serializers.SubmissionSerializer(submission).data)


class SubmissionMark(_Marking):
    """Marks the builds of a submission, and what they wait for, as security: part of the fleet is kept for them."""

    @extend_schema(request=serializers.ReasonSerializer, responses=serializers.SubmissionSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Marks it."""
        return self.order(request, pk, security.mark)


class SubmissionUnmark(_Marking):
    """Takes that mark away."""

    @extend_schema(request=serializers.ReasonSerializer, responses=serializers.SubmissionSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Unmarks it."""
        return self.order(request, pk, security.unmark)
