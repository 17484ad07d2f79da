"""Projects, repositories and recipes over REST: everybody reads, those who manage a repository ask for a refresh."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from summit import intake
from summit.api import serializers
from summit.models import Project, Recipe, Release, Repository


class ProjectList(ListAPIView[Project]):
    """All projects with their profiles, by slug."""

    serializer_class = serializers.ProjectSerializer
    queryset = Project.objects.with_counts().prefetch_related("profiles").order_by("slug")


class ProjectDetail(RetrieveAPIView[Project]):
    """One project with its profiles."""

    serializer_class = serializers.ProjectSerializer
    queryset = Project.objects.with_counts().prefetch_related("profiles")
    lookup_field = "slug"


class RepositoryList(ListAPIView[Repository]):
    """The repositories that the caller may see, by project and slug; `?project=` narrows."""

    serializer_class = serializers.RepositorySerializer
    queryset = Repository.objects.none()

    @extend_schema(parameters=[OpenApiParameter("project", str)])
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Lists a page of them."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Repository]:
        """Narrows as asked."""
        rows = Repository.objects.visible_to(self.request.user).select_related("project")
        if project := self.request.query_params.get("project"):
            rows = rows.filter(project__slug=project)
        return rows.order_by("project__slug", "slug")


def find_repository(request: Request, project: str, repository: str) -> Repository:
    """Finds a repository that the caller may see, or answers 404."""
    rows = Repository.objects.visible_to(request.user).select_related("project")
    return get_object_or_404(rows, project__slug=project, slug=repository)


class RepositoryDetail(APIView):
    """One repository."""

    @extend_schema(responses=serializers.RepositorySerializer)
    def get(self, request: Request, project: str, repository: str) -> Response:
        """Reads it."""
        return Response(serializers.RepositorySerializer(find_repository(request, project, repository)).data)


class RepositoryRefresh(APIView):
    """Asks for a refresh of a repository."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(request=None, responses={202: serializers.RepositorySerializer})
    def post(self, request: Request, project: str, repository: str) -> Response:
        """Notes the wish and rings the workers; 403 without the right to manage or push."""
        row = find_repository(request, project, repository)
        if not (row.can_manage(request.user) or row.can_push(request.user)):
            raise PermissionDenied
        intake.request_refresh(row, at=timezone.now())
        return Response(serializers.RepositorySerializer(row).data, status=status.HTTP_202_ACCEPTED)


class RecipeList(ListAPIView[Recipe]):
    """Recipes that exist now, by name: `?project=`, `?repository=`, `?name=` exactly, `?q=`, `?broken=true`."""

    serializer_class = serializers.RecipeSerializer
    queryset = Recipe.objects.none()

    @extend_schema(
        parameters=[OpenApiParameter(name, str) for name in ("project", "repository", "name", "q")]
        + [OpenApiParameter("broken", bool)]
    )
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Lists a page of them."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Recipe]:
        """Narrows as asked."""
        asked = self.request.query_params
        rows = Recipe.objects.existing().visible_to(self.request.user).select_related("repository__project")
        if "q" in asked:
            rows = rows.search(asked["q"][:100])
        if asked.get("broken") == "true":
            rows = rows.broken()
        lookups = {"project": "repository__project__slug", "repository": "repository__slug", "name": "name"}
        rows = rows.filter(**{lookup: asked[name] for name, lookup in lookups.items() if name in asked})
        return rows.order_by("name", "pk")


class RecipeReleases(ListAPIView[Release]):
    """The history of a recipe as git tells it, newest first."""

    serializer_class = serializers.ReleaseSerializer
    queryset = Release.objects.none()

    def get_queryset(self) -> QuerySet[Release]:
        """Narrows to the recipe, if the caller may see it."""
        recipes = Recipe.objects.visible_to(self.request.user)
        return get_object_or_404(recipes, pk=self.kwargs.get("pk")).releases.newest_first()


class RecipeDetail(RetrieveAPIView[Recipe]):
    """One recipe with its metadata, what it provides and what it needs."""

    serializer_class = serializers.RecipeDetailSerializer
    queryset = Recipe.objects.none()

    def get_queryset(self) -> QuerySet[Recipe]:
        """Narrows to what the caller may see."""
        rows = Recipe.objects.visible_to(self.request.user).select_related("repository__project")
        return rows.prefetch_related("providers", "dependencies")
