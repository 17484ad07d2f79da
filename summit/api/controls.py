"""Pausing and resuming projects and profiles over REST, and who did so when and why."""

from collections.abc import Callable

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import ListAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from serpent_infra.api.problems import Conflict
from summit import controls
from summit.api import serializers
from summit.api.builds import person
from summit.models import ControlEvent, Profile, Project
from summit.states import IllegalTransition


class ControlList(ListAPIView[ControlEvent]):
    """Who paused and resumed a project and its profiles, the newest first."""

    serializer_class = serializers.ControlSerializer
    queryset = ControlEvent.objects.none()

    def get_queryset(self) -> QuerySet[ControlEvent]:
        """Narrows to one project."""
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        return ControlEvent.objects.of(get_object_or_404(Project, slug=self.kwargs["slug"]))


class _Switch(APIView):
    """What pausing and resuming share: check the right, read the reason, act, answer with what is recorded."""

    permission_classes = (IsAuthenticated,)

    def switch(self, request: Request, subject: Project | Profile, act: Callable[..., None]) -> Response:
        """Acts; 403 without the right, 409 when it is so already."""
        user = person(request)
        project = subject if isinstance(subject, Project) else subject.project
        if not project.can_control(user):
            raise PermissionDenied
        why = serializers.read_reason(request)
        try:
            act(subject, actor=user, why=why, at=timezone.now())
        except IllegalTransition as refusal:
            raise Conflict(f"{refusal}.") from refusal
        return Response(serializers.ControlSerializer(ControlEvent.objects.of(project)[0]).data)


class ProjectPause(_Switch):
    """Stops the dispatch of a project: what runs goes on, and nothing more is begun."""

    @extend_schema(request=serializers.ReasonSerializer, responses=serializers.ControlSerializer)
    def post(self, request: Request, slug: str) -> Response:
        """Pauses it."""
        return self.switch(request, get_object_or_404(Project, slug=slug), controls.pause)


class ProjectResume(_Switch):
    """Lets the dispatch of a project go on."""

    @extend_schema(request=serializers.ReasonSerializer, responses=serializers.ControlSerializer)
    def post(self, request: Request, slug: str) -> Response:
        """Resumes it."""
        return self.switch(request, get_object_or_404(Project, slug=slug), controls.resume)


class ProfilePause(_Switch):
    """Stops the dispatch of one profile."""

    @extend_schema(request=serializers.ReasonSerializer, responses=serializers.ControlSerializer)
    def post(self, request: Request, slug: str, profile: str) -> Response:
        """Pauses it."""
        return self.switch(request, _profile(slug, profile), controls.pause)


class ProfileResume(_Switch):
    """Lets the dispatch of one profile go on."""

    @extend_schema(request=serializers.ReasonSerializer, responses=serializers.ControlSerializer)
    def post(self, request: Request, slug: str, profile: str) -> Response:
        """Resumes it."""
        return self.switch(request, _profile(slug, profile), controls.resume)


def _profile(project: str, profile: str) -> Profile:
    return get_object_or_404(Profile.objects.select_related("project"), project__slug=project, name=profile)
