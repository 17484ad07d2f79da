"""Campaigns and rebuilds over REST: everybody reads, those with the right look, start, publish, abandon and retry."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers as rest
from rest_framework import status
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.permissions import IsAuthenticated, IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from serpent_infra.accounts.models import User
from serpent_infra.api.problems import Conflict
from summit import permissions, rebuilding
from summit.api import campaign_serializers as forms
from summit.api import serializers
from summit.api.builds import person
from summit.campaigns import ending, progress, starting
from summit.campaigns.preview import Preview, preview
from summit.campaigns.selection import BadArgument
from summit.models import Campaign, CampaignKind, Profile, Recipe, Repository
from summit.states import CampaignStatus, IllegalTransition


class CampaignList(ListAPIView[Campaign]):
    """Campaigns, the newest first; `?status=` and `?project=` narrow."""

    serializer_class = forms.CampaignSerializer
    queryset = Campaign.objects.none()
    permission_classes = (IsAuthenticatedOrReadOnly,)

    @extend_schema(
        parameters=[
            OpenApiParameter("status", str, enum=CampaignStatus.values),
            OpenApiParameter("project", str),
        ]
    )
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Lists a page of them."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Campaign]:
        """Narrows as asked."""
        lookups = {"status": "status", "project": "profile__project__slug"}
        asked = self.request.query_params
        rows = Campaign.objects.visible_to(self.request.user).with_names()
        return rows.filter(**{lookup: asked[name] for name, lookup in lookups.items() if name in asked}).latest_first()

    @extend_schema(request=forms.NewCampaignSerializer, responses={201: forms.CampaignDetailSerializer})
    def post(self, request: Request) -> Response:
        """Makes a draft, or starts one at once; 403 without the push right on every repository it concerns."""
        user, at = person(request), timezone.now()
        asked = _read(forms.NewCampaignSerializer, request.data)
        found = _look(asked, user)
        if not permissions.can_rebuild(user, Repository.objects.filter(pk__in=found.selection.repositories)):
            raise PermissionDenied
        try:
            campaign = starting.draft(
                _profile(asked),
                CampaignKind(asked["kind"]),
                asked["argument"],
                title=asked["title"],
                why=asked["why"],
                by=user,
                at=at,
            )
        except BadArgument as error:
            raise rest.ValidationError({"argument": [f"{error}"]}) from error
        if asked["start"]:
            starting.start(campaign, actor=user, at=at)
        return Response(forms.CampaignDetailSerializer(campaign).data, status=status.HTTP_201_CREATED)


class CampaignPreview(APIView):
    """What a campaign would do; changes nothing."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(parameters=[forms.AskedSerializer], responses=forms.PreviewSerializer)
    def get(self, request: Request) -> Response:
        """Says how many recipes, how long, what is in a cycle, what failed last time and what is open."""
        asked = _read(forms.AskedSerializer, request.query_params)
        return Response(forms.PreviewSerializer(_look(asked, person(request))).data)


def _read(serializer: type[rest.Serializer[Any]], data: object) -> dict[str, Any]:
    given = serializer(data=data)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


def _profile(asked: dict[str, Any]) -> Profile:
    rows = Profile.objects.select_related("project")
    return get_object_or_404(rows, project__slug=asked["project"], name=asked["profile"])


def _look(asked: dict[str, Any], user: User) -> Preview:
    kind = CampaignKind(asked["kind"])
    try:
        return preview(_profile(asked), kind, asked["argument"], user=user, at=timezone.now())
    except BadArgument as error:
        raise rest.ValidationError({"argument": [f"{error}"]}) from error


class CampaignDetail(RetrieveAPIView[Campaign]):
    """One campaign with its progress and events."""

    serializer_class = forms.CampaignDetailSerializer
    queryset = Campaign.objects.none()

    def get_queryset(self) -> QuerySet[Campaign]:
        """Narrows to what the caller may see."""
        return Campaign.objects.visible_to(self.request.user).with_names()


class _CampaignAction(APIView):
    """What the orders share: find, check the right, act, answer with the campaign as it is then."""

    permission_classes = (IsAuthenticated,)

    def order(self, request: Request, pk: int, act: Callable[[Campaign, User], object]) -> Response:
        """Acts on a campaign; 403 without the right, 409 when its state does not allow it."""
        user = person(request)
        campaign = get_object_or_404(Campaign.objects.visible_to(user).with_names(), pk=pk)
        if not campaign.can_steer(user):
            raise PermissionDenied
        try:
            act(campaign, user)
        except IllegalTransition as refusal:
            raise Conflict(f"{refusal}.") from refusal
        campaign.refresh_from_db()
        return Response(forms.CampaignDetailSerializer(campaign).data)


class CampaignStart(_CampaignAction):
    """Starts a draft."""

    @extend_schema(request=None, responses=forms.CampaignDetailSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Orders it to be started."""
        at = timezone.now()
        return self.order(request, pk, lambda campaign, user: starting.start(campaign, actor=user, at=at))


class CampaignPublish(_CampaignAction):
    """Publishes a campaign as one."""

    @extend_schema(request=forms.PublicationSerializer, responses=forms.CampaignDetailSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Orders it to be published; 409 unless `without` is the number of its builds that have no result."""
        asked, at = _read(forms.PublicationSerializer, request.data), timezone.now()
        return self.order(
            request,
            pk,
            lambda campaign, user: ending.publish(
                campaign, without=asked["without"], why=asked["reason"], actor=user, at=at
            ),
        )


class CampaignAbandon(_CampaignAction):
    """Ends a campaign of which nothing is published then."""

    @extend_schema(request=serializers.ReasonSerializer, responses=forms.CampaignDetailSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Cancels its builds and drops its stream."""
        why, at = serializers.read_reason(request), timezone.now()
        return self.order(request, pk, lambda campaign, user: ending.abandon(campaign, why=why, actor=user, at=at))


class CampaignRetry(_CampaignAction):
    """Orders all that failed once more."""

    @extend_schema(request=None, responses=forms.CampaignDetailSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Opens its failed and cancelled builds again."""
        at = timezone.now()
        return self.order(request, pk, lambda campaign, user: progress.retry_failed(campaign, actor=user, at=at))


class RebuildOrderSerializer(serializers.ReasonSerializer):
    """For which profile of its project a recipe is built again, and why."""

    profile = rest.SlugField()


class RecipeRebuild(APIView):
    """Builds what is published of a recipe once more, without a new release."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(request=RebuildOrderSerializer, responses={201: serializers.BuildDetailSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Orders the build; 403 without the right to propose, 409 where there is nothing to build again."""
        user = person(request)
        rows = Recipe.objects.visible_to(user).select_related("repository__project")
        recipe = get_object_or_404(rows, pk=pk)
        asked = _read(RebuildOrderSerializer, request.data)
        if not recipe.repository.can_submit(user):
            raise PermissionDenied
        profile = get_object_or_404(recipe.repository.project.profiles.select_related("project"), name=asked["profile"])
        try:
            task = rebuilding.rebuild(recipe, profile, actor=user, why=asked["reason"], at=timezone.now())
        except (IllegalTransition, rebuilding.NotRebuildable) as refusal:
            raise Conflict(f"{refusal}.") from refusal
        return Response(serializers.BuildDetailSerializer(task).data, status=status.HTTP_201_CREATED)
