"""Channels, versions and packages over REST; everybody reads, those who may move pointers."""

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from serpent_infra.api.problems import Conflict
from vessel import permissions, versions
from vessel.api import serializers
from vessel.models import Channel, Membership, Stream, Tag, Version

_STREAMS = Prefetch("streams", Stream.objects.live())


class ChannelList(ListAPIView[Channel]):
    """All channels with their streams and tags, by name."""

    serializer_class = serializers.ChannelSerializer
    queryset = Channel.objects.by_name().prefetch_related(_STREAMS, "tags")


class ChannelDetail(RetrieveAPIView[Channel]):
    """One channel with its streams and tags."""

    serializer_class = serializers.ChannelSerializer
    queryset = Channel.objects.prefetch_related(_STREAMS, "tags")
    lookup_field = "name"
    lookup_url_kwarg = "channel"


class VersionList(ListAPIView[Version]):
    """The versions of a channel, newest first."""

    serializer_class = serializers.VersionSerializer
    queryset = Version.objects.none()

    def get_queryset(self) -> QuerySet[Version]:
        """Narrows to the channel of the address."""
        channel = get_object_or_404(Channel, name=self.kwargs["channel"])
        return Version.objects.filter(channel=channel).complete().newest_first().select_related("lineage")


class VersionDetail(RetrieveAPIView[Version]):
    """One version."""

    serializer_class = serializers.VersionSerializer
    queryset = Version.objects.complete().select_related("lineage")

    def get_object(self) -> Version:
        """Finds it by channel and identifier."""
        return find_version(self.kwargs["channel"], self.kwargs["identifier"])


class VersionChanges(APIView):
    """What a version changed: against its parent, or against any version of the channel."""

    @extend_schema(
        operation_id="version_changes",
        parameters=[OpenApiParameter("against", int, description="identifier of the version to compare with")],
        responses=serializers.ChangesSerializer,
    )
    def get(self, request: Request, channel: str, identifier: int) -> Response:
        """Compares."""
        version = find_version(channel, identifier)
        against = request.query_params.get("against", "")
        if against.isdecimal():
            changes = versions.compare(find_version(channel, int(against)), version)
        else:
            changes = versions.changes_of(version)
        return Response(serializers.ChangesSerializer(changes).data)


@extend_schema(
    parameters=[
        OpenApiParameter("architecture", str, description="only packages of this architecture"),
        OpenApiParameter("source", str, description="only packages of this recipe"),
        OpenApiParameter("q", str, description="only packages whose name contains this"),
    ]
)
class PackageList(ListAPIView[Membership]):
    """The packages of a version, by name."""

    serializer_class = serializers.PackageSerializer
    queryset = Membership.objects.none()

    def get_queryset(self) -> QuerySet[Membership]:
        """Narrows by what the address and the query say."""
        version = find_version(self.kwargs["channel"], self.kwargs["identifier"])
        members = Membership.objects.of(version).select_related("stone").defer("stone__index_record")
        filters = {"architecture": "architecture", "source": "stone__source_name", "q": "name__icontains"}
        for parameter, field in filters.items():
            value = self.request.query_params.get(parameter)
            if value:
                members = members.filter(**{field: value})
        return members.order_by("name", "architecture")


class StreamMoves(APIView):
    """Moves a stream: promotion, or rollback."""

    @extend_schema(
        operation_id="stream_move", request=serializers.MoveSerializer, responses=serializers.StreamSerializer
    )
    def post(self, request: Request, channel: str, stream: str) -> Response:
        """Moves it; 409 where it has moved on since, or where the version cannot be pointed to."""
        if not permissions.can_move_streams(request.user):
            raise PermissionDenied("You may not move streams.")
        pointer = get_object_or_404(Stream.objects.named(channel, stream).select_related("channel"))
        form = serializers.MoveSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        wish: dict[str, Any] = form.validated_data
        try:
            versions.move_stream(
                stream=pointer,
                version=find_version(channel, wish["version"]),
                expected=find_version(channel, wish["expected"]),
                who=request.user.get_username(),
                why=wish["why"],
                at=timezone.now(),
            )
        except versions.NotMovable as error:
            raise Conflict(str(error)) from error
        return Response(serializers.StreamSerializer(pointer).data)


class Tags(APIView):
    """Names versions."""

    @extend_schema(operation_id="tag_create", request=serializers.TagSerializer, responses=serializers.TagSerializer)
    def post(self, request: Request, channel: str) -> Response:
        """Names a version; 409 where the name is taken or cannot be."""
        if not permissions.can_tag(request.user):
            raise PermissionDenied("You may not tag versions.")
        form = serializers.TagSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        wish: dict[str, Any] = form.validated_data
        try:
            tag = versions.tag_version(
                version=find_version(channel, wish["version_id"]),
                name=wish["name"],
                who=request.user.get_username(),
                at=timezone.now(),
            )
        except versions.NotMovable as error:
            raise Conflict(str(error)) from error
        return Response(serializers.TagSerializer(tag).data, status=status.HTTP_201_CREATED)


class TagDetail(APIView):
    """One tag."""

    @extend_schema(operation_id="tag_remove", request=None, responses={204: None})
    def delete(self, request: Request, channel: str, tag: str) -> Response:
        """Takes the name away; the version is then kept as long as any other."""
        if not permissions.can_tag(request.user):
            raise PermissionDenied("You may not tag versions.")
        versions.remove_tag(get_object_or_404(Tag.objects.select_related("channel"), channel__name=channel, name=tag))
        return Response(status=status.HTTP_204_NO_CONTENT)


def find_version(channel: str, identifier: int) -> Version:
    """Finds a complete version of a channel, or answers 404."""
    found = Version.objects.complete().select_related("channel", "lineage", "parent")
    return get_object_or_404(found, channel__name=channel, identifier=identifier)
