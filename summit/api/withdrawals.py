"""What is published of recipes that are gone, and withdrawing it, over REST."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.generics import ListAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from serpent_infra.api.problems import Conflict
from summit import leftovers, withdrawing
from summit.api.builds import person
from summit.leftovers import Leftover, Reliance
from summit.models import Project, Withdrawal
from summit.states import IllegalTransition


class LeftoverSerializer(serializers.Serializer[Any]):
    """A recipe that is gone from git and still published."""

    source_name = serializers.CharField()
    repository = serializers.CharField(source="recipe.repository.slug")
    gone_at = serializers.DateTimeField(allow_null=True)
    count = serializers.IntegerField(help_text="packages, in all profiles' streams")
    seen = serializers.CharField(help_text="to be sent back with the order to withdraw it")
    packages = serializers.SerializerMethodField(help_text="by profile")

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}})
    def get_packages(self, leftover: Leftover) -> dict[str, list[str]]:
        """Names the packages with their releases."""
        return {place.profile.name: [str(package) for package in place.packages] for place in leftover.places}


class RelianceSerializer(serializers.Serializer[Any]):
    """Who needs what goes, and nobody else offers."""

    packages = serializers.SerializerMethodField()
    recipes = serializers.SerializerMethodField()
    hidden_recipes = serializers.IntegerField(source="hidden", help_text="of repositories that the caller may not see")

    @extend_schema_field({"type": "array", "items": {"type": "object", "additionalProperties": {"type": "string"}}})
    def get_packages(self, reliance: Reliance) -> list[dict[str, str]]:
        """Names published packages, their stream, and what each needs."""
        return [
            {"package": str(package), "stream": stream, "needs": str(capability)}
            for package, stream, capability in reliance.packages
        ]

    @extend_schema_field({"type": "array", "items": {"type": "object", "additionalProperties": {"type": "string"}}})
    def get_recipes(self, reliance: Reliance) -> list[dict[str, str]]:
        """Names recipes in git, and what each needs."""
        return [
            {"recipe": recipe.name, "repository": recipe.repository.slug, "needs": str(capability)}
            for recipe, capability in reliance.recipes
        ]


class LeftoverDetailSerializer(LeftoverSerializer):
    """A recipe that is gone, with who needs it."""

    needed_by = RelianceSerializer()


class WithdrawSerializer(serializers.Serializer[Any]):
    """The word that it shall go."""

    reason = serializers.CharField(max_length=300)
    seen = serializers.CharField(max_length=64)
    is_confirmed = serializers.BooleanField(default=False, help_text="although something needs it")


class WithdrawalSerializer(serializers.ModelSerializer[Withdrawal]):
    """A withdrawal and what became of it."""

    profile = serializers.SlugRelatedField[Any](slug_field="name", read_only=True)
    actor = serializers.SlugRelatedField[Any](slug_field="username", read_only=True)

    class Meta:
        model = Withdrawal
        fields = (
            "id",
            "profile",
            "source_name",
            "packages",
            "reason",
            "actor",
            "status",
            "problem",
            "version",
            "removed",
            "ordered_at",
            "ended_at",
        )


class LeftoverList(APIView):
    """What is published of recipes that are gone, of a project, by name."""

    @extend_schema(operation_id="project_leftovers", responses=LeftoverSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """Lists what the caller may see of it."""
        found = leftovers.leftovers(get_object_or_404(Project, slug=slug), user=request.user)
        return Response(LeftoverSerializer(found, many=True).data)


class LeftoverDetail(APIView):
    """One recipe that is gone and still published, with who needs it."""

    @extend_schema(operation_id="project_leftover", responses=LeftoverDetailSerializer)
    def get(self, request: Request, slug: str, name: str) -> Response:
        """Looks before anything is withdrawn."""
        found = _find(request, slug, name)
        reliance = leftovers.relying_on(found, user=request.user)
        answer = LeftoverSerializer(found).data | {"needed_by": RelianceSerializer(reliance).data}
        return Response(answer)


class LeftoverWithdraw(APIView):
    """Withdraws the packages of a recipe that is gone, from all streams of the project's profiles."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="project_leftover_withdraw",
        request=WithdrawSerializer,
        responses={202: WithdrawalSerializer(many=True)},
    )
    def post(self, request: Request, slug: str, name: str) -> Response:
        """Orders it; 403 without the right, 409 where it has changed since or something needs it unconfirmed."""
        found = _find(request, slug, name)
        user = person(request)
        if not found.recipe.repository.can_withdraw(user):
            raise PermissionDenied
        given = WithdrawSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        wish: dict[str, Any] = given.validated_data
        try:
            rows = withdrawing.order(found, actor=user, at=timezone.now(), **wish)
        except (IllegalTransition, withdrawing.Unconfirmed) as refusal:
            raise Conflict(f"{refusal}.") from refusal
        return Response(WithdrawalSerializer(rows, many=True).data, status=status.HTTP_202_ACCEPTED)


class WithdrawalList(ListAPIView[Withdrawal]):
    """The withdrawals of a project, newest first."""

    serializer_class = WithdrawalSerializer
    queryset = Withdrawal.objects.none()

    def get_queryset(self) -> QuerySet[Withdrawal]:
        """Narrows to one project, and to what the caller may see."""
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        project = get_object_or_404(Project, slug=self.kwargs["slug"])
        return Withdrawal.objects.visible_to(self.request.user).latest_first().filter(profile__project=project)


def _find(request: Request, slug: str, name: str) -> Leftover:
    project = get_object_or_404(Project, slug=slug)
    for found in leftovers.leftovers(project, user=request.user, source_name=name):
        return found
    raise NotFound
