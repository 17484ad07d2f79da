"""What the REST API tells of projects, recipes and builds."""

from typing import Any

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from summit import demands, dispatch, explain, outlook, suiting
from summit.models import (
    BuildTask,
    ControlEvent,
    Finding,
    Profile,
    Project,
    Recipe,
    Release,
    Repository,
    Review,
    Submission,
    TaskEdge,
    TaskEvent,
    Verdict,
    Verification,
)


class ProfileSerializer(serializers.ModelSerializer[Profile]):
    """One profile."""

    class Meta:
        model = Profile
        fields = (
            "name",
            "architecture",
            "isa_level",
            "channel",
            "stream",
            "purpose",
            "verifies_manifests",
            "verification",
            "is_paused",
            "planned_at",
            "plan_error",
        )


class ProjectSerializer(serializers.ModelSerializer[Project]):
    """One project; counts are of what exists now."""

    profiles = ProfileSerializer(many=True)
    repository_count = serializers.IntegerField()
    recipe_count = serializers.IntegerField()

    class Meta:
        model = Project
        fields = ("slug", "title", "description", "is_paused", "profiles", "repository_count", "recipe_count")


class RepositorySerializer(serializers.ModelSerializer[Repository]):
    """One repository of recipes; `error` says why the latest refresh failed."""

    project = serializers.SlugRelatedField[Project](slug_field="slug", read_only=True)
    origin_uri = serializers.CharField(source="public_origin_uri")

    class Meta:
        model = Repository
        fields: tuple[str, ...] = (
            *("project", "slug", "description", "origin_uri", "branch", "needs_review", "commit", "commit_subject"),
            *("commit_at", "status", "error", "warnings", "refreshed_at"),
        )


class RecipeSerializer(serializers.ModelSerializer[Recipe]):
    """One recipe as lists show it: its last good state, and what is wrong with a newer one."""

    project = serializers.CharField(source="repository.project.slug")
    repository = serializers.CharField(source="repository.slug")

    class Meta:
        model = Recipe
        fields: tuple[str, ...] = (
            *("id", "project", "repository", "path", "name", "version", "release", "summary", "commit"),
            *("changed_at", "error", "error_line", "error_column", "conflict", "claims"),
        )


class RoomSerializer(serializers.Serializer[suiting.Room]):
    """Memory and disk in bytes, 0 where nobody knows."""

    memory = serializers.IntegerField()
    disk = serializers.IntegerField()


class DemandSerializer(serializers.Serializer[demands.Demand]):
    """What building a recipe takes on an architecture, "" where it was declared for all that have no row of their own.

    `taken` is the most that the latest `attempts` took, `learnt` what is concluded from them.
    """

    architecture = serializers.CharField()
    attempts = serializers.IntegerField()
    taken = RoomSerializer()
    learnt = RoomSerializer()
    declared = RoomSerializer()


class RecipeDetailSerializer(RecipeSerializer):
    """One recipe with its metadata; capabilities as text."""

    licences = serializers.ListField(child=serializers.CharField())
    upstreams = serializers.ListField(child=serializers.DictField(child=serializers.CharField()))
    packages = serializers.ListField(child=serializers.DictField(child=serializers.CharField()))
    provides = serializers.SerializerMethodField()
    build_depends = serializers.SerializerMethodField()
    implied_depends = serializers.SerializerMethodField()
    run_depends = serializers.SerializerMethodField()
    demands = serializers.SerializerMethodField()

    class Meta(RecipeSerializer.Meta):
        fields: tuple[str, ...] = (
            *RecipeSerializer.Meta.fields,
            *("description", "homepage", "licences", "upstreams", "packages", "author_name", "commit_subject"),
            "commit_message",
            *("manifests", "provides", "build_depends", "implied_depends", "run_depends", "demands"),
        )

    @extend_schema_field(DemandSerializer(many=True))
    def get_demands(self, recipe: Recipe) -> list[dict[str, Any]]:
        """Lists what building it takes, by architecture."""
        rows: Any = demands.of_recipe(recipe.name)
        return list(DemandSerializer(rows, many=True).data)

    def get_provides(self, recipe: Recipe) -> list[str]:
        """Lists what its packages provide, sorted."""
        return sorted({str(row.capability) for row in recipe.providers.all()})

    def get_build_depends(self, recipe: Recipe) -> list[str]:
        """Lists what building and checking it needs, sorted."""
        return sorted({str(row.capability) for row in recipe.dependencies.all() if row.usage in {"build", "check"}})

    def get_implied_depends(self, recipe: Recipe) -> dict[str, str]:
        """Maps what its macros, toolchain, upstreams and build root need to what implies it."""
        rows = sorted(recipe.dependencies.all(), key=lambda row: str(row.capability))
        return {str(row.capability): row.implied_by for row in rows if row.usage == "implied"}

    def get_run_depends(self, recipe: Recipe) -> list[str]:
        """Lists what its packages need when they run, sorted."""
        return sorted({str(row.capability) for row in recipe.dependencies.all() if row.usage == "run"})


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    """One version and release of a recipe, and the commit that brought it."""

    class Meta:
        model = Release
        fields = ("version", "release", "commit", "subject", "author_name", "released_at")


class BuildSerializer(serializers.ModelSerializer[BuildTask]):
    """One build as lists show it; times in seconds."""

    project = serializers.CharField(source="profile.project.slug")
    profile = serializers.CharField(source="profile.name")
    repository = serializers.CharField(source="recipe.repository.slug")
    recipe = serializers.IntegerField(source="recipe_id")

    class Meta:
        model = BuildTask
        fields: tuple[str, ...] = (
            *("id", "project", "profile", "repository", "recipe", "source_name", "version", "release"),
            *("build_release", "architecture", "purpose", "reason", "commit", "status", "blockers", "block_reason"),
            *("problem", "failure_kind", "priority", "is_expedited", "is_security", "wave"),
            *("estimate_seconds", "build_seconds"),
            *("attempt_count", "published_version", "campaign"),
            *("created_at", "queued_at", "started_at", "ended_at", "updated_at"),
        )


class NeedSerializer(serializers.ModelSerializer[TaskEdge]):
    """One need of a build, and the dependency that made it."""

    build = serializers.IntegerField(source="needs_id")
    title = serializers.CharField(source="needs.title")

    class Meta:
        model = TaskEdge
        fields = ("build", "title", "capability", "usage", "kind", "published", "satisfied_at")


class EventSerializer(serializers.ModelSerializer[TaskEvent]):
    """One transition: who, why, when; no actor where the system decided."""

    actor = serializers.SlugRelatedField[Any](slug_field="username", read_only=True)

    class Meta:
        model = TaskEvent
        fields = ("at", "source", "target", "actor", "sentence")


class TrySerializer(serializers.Serializer[dispatch.TaskAttempt]):
    """One attempt at a build; peaks are the bytes that it held at once at most, null where that was not measured."""

    attempt = serializers.UUIDField(source="reference.attempt")
    number = serializers.IntegerField(source="reference.number")
    is_second = serializers.BooleanField(source="reference.is_second")
    builder = serializers.CharField(source="reference.builder")
    slot = serializers.IntegerField(source="reference.slot")
    status = serializers.CharField(source="status.status", default="forgotten")
    started_at = serializers.DateTimeField(source="status.started_at", default=None, allow_null=True)
    ended_at = serializers.DateTimeField(source="status.ended_at", default=None, allow_null=True)
    failure_kind = serializers.CharField(source="reference.failure_kind")
    failure_message = serializers.CharField(source="reference.failure_message")
    failure_excerpt = serializers.CharField(source="status.report.failure.excerpt", default="")
    memory_peak = serializers.IntegerField(source="reference.memory_peak", allow_null=True)
    memory_method = serializers.CharField(source="status.report.memory_method.value", default="")
    disk_peak = serializers.IntegerField(source="reference.disk_peak", allow_null=True)
    manifests = serializers.SerializerMethodField()

    def get_manifests(self, one: dispatch.TaskAttempt) -> dict[str, str]:
        """Maps the manifests that it made and that its commit lacks to where they are read."""
        report = one.status.report if one.status is not None else None
        task, number = one.reference.task_id, one.reference.number
        names = [file.name for file in report.manifests] if report is not None else []
        return {name: reverse("summit:build_manifest", args=[task, number, name]) for name in names}


class VerificationSerializer(serializers.ModelSerializer[Verification]):
    """Whether a builder of another owner built the same, bit for bit.

    `finding` is same, different, undecided or dropped; "" while a second build is waited for, `until` then at most.
    `verified_by` is set where both built the same, `second_builder` is the newest that was to.
    """

    built_by = serializers.CharField(source="built.builder")
    built_for = serializers.CharField(source="owner_name")
    second_builder = serializers.CharField(source="second.builder", default=None, allow_null=True)
    second_for = serializers.CharField(source="second_owner_name")
    verified_by = serializers.SerializerMethodField()

    class Meta:
        model = Verification
        fields = (
            *("finding", "built_by", "built_for", "second_builder", "second_for", "verified_by"),
            *("began_at", "until", "ended_at"),
        )

    def get_verified_by(self, found: Verification) -> str | None:
        """Names the builder that built the same; null where none did."""
        return found.second.builder if found.finding == Finding.SAME and found.second is not None else None


class RangeSerializer(serializers.Serializer[outlook.Range]):
    """A moment that is as probable before as after `likely`, and in nine of ten cases before `late`."""

    likely = serializers.DateTimeField()
    late = serializers.DateTimeField()


class OutlookSerializer(serializers.Serializer[outlook.Outlook]):
    """When a build will probably start (null once it has) and be published."""

    start = RangeSerializer(allow_null=True)
    finish = RangeSerializer()


class BuildDetailSerializer(BuildSerializer):
    """One build with its needs, attempts and events; `explanation` says why it is not building.

    `memory_bytes` and `disk_bytes` are what it asks of a slot, `learnt_…` what earlier builds took with a margin.
    """

    explanation = serializers.SerializerMethodField()
    outlook = serializers.SerializerMethodField()
    warnings = serializers.ListField(child=serializers.CharField())
    needs = serializers.SerializerMethodField()
    attempts = serializers.SerializerMethodField()
    events = serializers.SerializerMethodField()
    verification = serializers.SerializerMethodField()

    class Meta(BuildSerializer.Meta):
        fields: tuple[str, ...] = (
            *BuildSerializer.Meta.fields,
            *("memory_bytes", "disk_bytes", "learnt_memory_bytes", "learnt_disk_bytes"),
            *("submission", "superseded_by", "explanation", "outlook", "warnings", "needs", "attempts", "events"),
            "verification",
        )

    def get_explanation(self, task: BuildTask) -> str:
        """Says in one sentence what it waits for or what became of it."""
        return explain.explain(task, at=timezone.now()).text

    @extend_schema_field(OutlookSerializer(allow_null=True))
    def get_outlook(self, task: BuildTask) -> dict[str, Any] | None:
        """Forecasts it; null for what is over, and for what cannot run as things are."""
        found = outlook.outlooks(at=timezone.now()).get(task.pk) if task.is_open else None
        return None if found is None else dict(OutlookSerializer(found).data)

    def get_needs(self, task: BuildTask) -> list[dict[str, Any]]:
        """Lists all needs, met and staged ones too."""
        rows = TaskEdge.objects.filter(task=task).select_related("needs").order_by("needs__source_name")
        return list(NeedSerializer(rows, many=True).data)

    def get_attempts(self, task: BuildTask) -> list[dict[str, Any]]:
        """Lists the tries, newest first."""
        return [TrySerializer(attempt).data for attempt in dispatch.attempts_of(task)]

    @extend_schema_field(VerificationSerializer(allow_null=True))
    def get_verification(self, task: BuildTask) -> dict[str, Any] | None:
        """Gives what its latest second build came to; null where none was wanted."""
        found = Verification.objects.latest_of(task)
        return None if found is None else dict(VerificationSerializer(found).data)

    def get_events(self, task: BuildTask) -> list[dict[str, Any]]:
        """Lists the transitions, oldest first."""
        return list(EventSerializer(task.events.select_related("actor").order_by("at", "pk"), many=True).data)


class ReviewSerializer(serializers.ModelSerializer[Review]):
    """One verdict."""

    reviewer = serializers.SlugRelatedField[Any](slug_field="username", read_only=True)

    class Meta:
        model = Review
        fields = ("reviewer", "verdict", "comment", "created_at")


class SubmissionSerializer(serializers.ModelSerializer[Submission]):
    """One submission with its reviews; `builds` are ids."""

    repository = serializers.CharField(source="repository.slug")
    project = serializers.CharField(source="repository.project.slug")
    author = serializers.SlugRelatedField[Any](slug_field="username", read_only=True)
    builds = serializers.PrimaryKeyRelatedField[BuildTask](source="tasks", many=True, read_only=True)
    reviews = ReviewSerializer(many=True)

    class Meta:
        model = Submission
        fields: tuple[str, ...] = (
            *("id", "project", "repository", "commit", "title", "author", "author_name", "purpose", "status"),
            *("is_security", "created_at", "decided_at", "builds", "reviews"),
        )


class ControlSerializer(serializers.ModelSerializer[ControlEvent]):
    """Somebody paused or resumed a project, or one profile of it."""

    profile = serializers.SlugRelatedField[Any](slug_field="name", read_only=True)
    actor = serializers.SlugRelatedField[Any](slug_field="username", read_only=True)

    class Meta:
        model = ControlEvent
        fields = ("at", "action", "profile", "actor", "sentence")


class ReasonSerializer(serializers.Serializer[Any]):
    """Why somebody orders something; kept with who and when."""

    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=300)


def read_reason(request: Request) -> str:
    """Reads the reason that came with an order, "" where none did; 400 where it is no text, or too long."""
    given = ReasonSerializer(data=request.data)
    given.is_valid(raise_exception=True)
    return str(given.validated_data["reason"])


class VerdictSerializer(serializers.Serializer[Any]):
    """What a reviewer sends."""

    verdict = serializers.ChoiceField(choices=Verdict.choices)
    comment = serializers.CharField(required=False, default="", allow_blank=True, max_length=5000)
