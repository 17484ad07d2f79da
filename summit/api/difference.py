"""What a submission changes, over REST: the text of its recipes' directories as unified diffs, manifests in words."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from summit import difference
from summit.file_difference import FileDifference, Kind
from summit.models import Submission


class FileDifferenceSerializer(serializers.Serializer[FileDifference]):
    """One file that differs; `text` is a unified diff, or lines of words where `is_words`; `notes` say what was cut."""

    path = serializers.CharField()
    kind = serializers.ChoiceField(choices=[kind.value for kind in Kind])
    notes = serializers.ListField(child=serializers.CharField())
    is_words = serializers.BooleanField()
    text = serializers.CharField()


class RecipeDifferenceSerializer(serializers.Serializer[difference.RecipeDifference]):
    """One recipe at the commit that would be built, against `base_commit` ("" for nothing), built by `base_build`.

    `left_out` counts files that differ and are not listed; with `is_endless` there are more. `problem` says why nothing
    can be shown.
    """

    recipe = serializers.IntegerField(source="task.recipe_id")
    name = serializers.CharField(source="task.source_name")
    path = serializers.CharField(source="task.recipe_path")
    commit = serializers.CharField(source="task.commit")
    base_commit = serializers.CharField(source="base.commit")
    base_directory = serializers.CharField(source="base.directory")
    base_build = serializers.IntegerField(source="base.task.pk", default=None, allow_null=True)
    is_base_lost = serializers.BooleanField(source="base.is_lost")
    files = FileDifferenceSerializer(source="found.files", many=True)
    left_out = serializers.IntegerField(source="found.left_out")
    is_endless = serializers.BooleanField(source="found.is_endless")
    problem = serializers.CharField()


class DifferenceSerializer(serializers.Serializer[Any]):
    """A page of a submission's recipes, by name; `count` is of all of them."""

    count = serializers.IntegerField(source="place.paginator.count")
    page = serializers.IntegerField(source="place.number")
    pages = serializers.IntegerField(source="place.paginator.num_pages")
    recipes = RecipeDifferenceSerializer(many=True)


class SubmissionDifference(APIView):
    """What a submission changes, recipe by recipe."""

    @extend_schema(parameters=[OpenApiParameter("page", int)], responses=DifferenceSerializer)
    def get(self, request: Request, pk: int) -> Response:
        """Gives a page of it; one that is not there is the nearest."""
        submission = get_object_or_404(Submission.objects.visible_to(request.user).select_related("repository"), pk=pk)
        page = difference.page_of(submission, number=request.query_params.get("page"))
        return Response(DifferenceSerializer(page).data)
