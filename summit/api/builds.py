"""Builds and submissions over REST: everybody reads, and those with the right order, cancel, hurry and review."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from serpent_infra.accounts.models import User
from serpent_infra.api.problems import Conflict
from summit import lifecycle, permissions
from summit.api import serializers
from summit.models import BuildTask, Submission, Verdict
from summit.states import IllegalTransition, TaskStatus

_FILTERS = {
    "project": "profile__project__slug",
    "profile": "profile__name",
    "repository": "recipe__repository__slug",
    "name": "source_name",
    "recipe": "recipe",
    "status": "status",
}


def person(request: Request) -> User:
    """Gives the person (or the owner of the token) who asks; 403 for visitors."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


class BuildList(ListAPIView[BuildTask]):
    """Builds, newest first; `?open=true` gives the queue instead, most urgent first."""

    serializer_class = serializers.BuildSerializer
    queryset = BuildTask.objects.none()

    @extend_schema(
        parameters=[
            *(OpenApiParameter(name, str) for name in ("project", "profile", "repository", "name")),
            OpenApiParameter("recipe", int),
            OpenApiParameter("status", str, enum=TaskStatus.values),
            OpenApiParameter("open", bool),
        ]
    )
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Lists a page of them."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[BuildTask]:
        """Narrows and sorts as asked."""
        asked = self.request.query_params
        rows = BuildTask.objects.visible_to(self.request.user).with_names()
        for name, lookup in _FILTERS.items():
            if name in asked and (name != "recipe" or asked[name].isdecimal()):
                rows = rows.filter(**{lookup: asked[name]})
        return rows.open().by_priority() if asked.get("open") == "true" else rows.latest_first()


class BuildDetail(RetrieveAPIView[BuildTask]):
    """One build with its needs, attempts and events."""

    serializer_class = serializers.BuildDetailSerializer
    queryset = BuildTask.objects.none()

    def get_queryset(self) -> QuerySet[BuildTask]:
        """Narrows to what the caller may see."""
        return BuildTask.objects.visible_to(self.request.user).with_names().select_related("superseded_by")


class _BuildAction(APIView):
    """What the orders share: find, check the right, read the reason, act, answer with the build as it is then."""

    permission_classes = (IsAuthenticated,)

    def order(
        self, request: Request, pk: int, *, right: Callable[[User, BuildTask], bool], act: Callable[..., Any]
    ) -> Response:
        """Acts on a build; 403 without the right, 409 when its state does not allow it."""
        user = person(request)
        task = get_object_or_404(BuildTask.objects.visible_to(user).with_names(), pk=pk)
        if not right(user, task):
            raise PermissionDenied
        why = serializers.read_reason(request)
        try:
            act(task, user, why, at=timezone.now())
        except IllegalTransition as refusal:
            raise Conflict(f"{refusal}.") from refusal
        task.refresh_from_db()
        return Response(serializers.BuildDetailSerializer(task).data)


class BuildRetry(_BuildAction):
    """Orders a failed or cancelled build once more."""

    @extend_schema(request=serializers.ReasonSerializer, responses=serializers.BuildDetailSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Opens it again at the same commit."""
        return self.order(
            request,
            pk,
            right=permissions.can_retry,
            act=lambda task, user, why, at: lifecycle.retry(task, actor=user, sentence=why, at=at),
        )


class BuildCancel(_BuildAction):
    """Cancels a build that is not over."""

    @extend_schema(request=serializers.ReasonSerializer, responses=serializers.BuildDetailSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Ends it and its running attempt."""
        return self.order(
            request,
            pk,
            right=permissions.can_cancel,
            act=lambda task, user, why, at: lifecycle.cancel(task, actor=user, sentence=why, at=at),
        )


class BuildFail(_BuildAction):
    """Marks a build that is not over as failed."""

    @extend_schema(request=serializers.ReasonSerializer, responses=serializers.BuildDetailSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Ends it and its running attempt, and blocks what waits for it."""
        return self.order(
            request,
            pk,
            right=permissions.can_give_up,
            act=lambda task, user, why, at: lifecycle.give_up(task, actor=user, why=why, at=at),
        )


class BuildExpedite(_BuildAction):
    """Puts a build, and what it waits for, before all others."""

    @extend_schema(request=serializers.ReasonSerializer, responses=serializers.BuildDetailSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Hurries it."""
        return self.order(
            request,
            pk,
            right=permissions.can_expedite,
            act=lambda task, user, why, at: lifecycle.expedite(task, actor=user, why=why, at=at),
        )


class SubmissionList(ListAPIView[Submission]):
    """Submissions, newest first; `?status=in-review` is the inbox of reviewers."""

    serializer_class = serializers.SubmissionSerializer
    queryset = Submission.objects.none()

    @extend_schema(parameters=[OpenApiParameter("status", str), OpenApiParameter("repository", str)])
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Lists a page of them."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Submission]:
        """Narrows as asked."""
        asked = self.request.query_params
        lookups = {"status": "status", "repository": "repository__slug"}
        rows = Submission.objects.visible_to(self.request.user).select_related("repository__project", "author")
        rows = rows.filter(**{lookup: asked[name] for name, lookup in lookups.items() if name in asked})
        return rows.prefetch_related("tasks", "reviews__reviewer").order_by("-pk")


class SubmissionDetail(RetrieveAPIView[Submission]):
    """One submission with its reviews."""

    serializer_class = serializers.SubmissionSerializer
    queryset = Submission.objects.none()

    def get_queryset(self) -> QuerySet[Submission]:
        """Narrows to what the caller may see."""
        rows = Submission.objects.visible_to(self.request.user).select_related("repository__project", "author")
        return rows.prefetch_related("tasks", "reviews__reviewer")


class SubmissionReview(APIView):
    """Lets a second person decide on a submission."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(request=serializers.VerdictSerializer, responses=serializers.SubmissionSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Approves or rejects; 403 for the author and those without the right, 409 when it is decided."""
        user = person(request)
        submission = get_object_or_404(Submission.objects.visible_to(user).select_related("repository"), pk=pk)
        given = serializers.VerdictSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        if not permissions.can_review(user, submission):
            raise PermissionDenied
        verdict, comment = Verdict(given.validated_data["verdict"]), given.validated_data["comment"]
        try:
            lifecycle.review(submission, reviewer=user, verdict=verdict, comment=comment, at=timezone.now())
        except IllegalTransition as refusal:
            raise Conflict(f"{refusal}.") from refusal
        return Response(serializers.SubmissionSerializer(submission).data)
