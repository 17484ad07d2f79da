"""Django's admin for projects, profiles and repositories with the rights of groups; builds are there to be read."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from guardian.admin import GuardedModelAdmin

from serpent_infra.admin import ReadOnly
from summit import doorbell, intake
from summit.models import (
    BuildTask,
    Campaign,
    CampaignEvent,
    Profile,
    Project,
    Recipe,
    Remote,
    Repository,
    Requirement,
    Review,
    Share,
    Submission,
    TaskEvent,
    Withdrawal,
    WithdrawalEvent,
)


class RemoteInline(admin.TabularInline[Remote, Profile]):
    """What a profile resolves against besides its own stream."""

    model = Remote
    extra = 0


@admin.register(Project)
class ProjectAdmin(admin.ModelAdmin[Project]):
    """Projects: name them; they are paused and resumed on their pages, where it is recorded who did so and why."""

    list_display = ("slug", "title", "is_paused", "created_at")
    readonly_fields = ("is_paused",)
    search_fields = ("slug", "title")
    prepopulated_fields = {"slug": ("title",)}


@admin.register(Profile)
class ProfileAdmin(admin.ModelAdmin[Profile]):
    """Profiles: architecture, remotes, stream; plan anew. They are paused and resumed on their project's page."""

    list_display = (
        "project",
        "name",
        "architecture",
        "isa_level",
        "channel",
        "stream",
        "purpose",
        "verification",
        "is_paused",
        "plan_error",
    )
    list_display_links = ("name",)
    list_filter = ("architecture", "purpose", "verification", "is_paused")
    list_select_related = ("project",)
    readonly_fields = ("is_paused",)
    inlines = (RemoteInline,)
    actions = ("plan_anew",)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: ANN401, FBT001 - Django's own signature
        """Asks for a plan, once the remotes are saved as well."""
        super().save_related(request, form, formsets, change)
        self._plan([form.instance])

    @admin.action(description="Plan anew")
    def plan_anew(self, request: HttpRequest, queryset: QuerySet[Profile]) -> None:
        """Asks for a plan of each."""
        self._plan(queryset)
        messages.success(request, f"{len(queryset)} profiles will be planned.")

    def _plan(self, profiles: Iterable[Profile]) -> None:
        keys = [profile.pk for profile in profiles]
        Profile.objects.filter(pk__in=keys).request_plan(at=timezone.now())
        for key in keys:
            doorbell.ring(doorbell.PLAN, profile=key)


@admin.register(Repository)
class RepositoryAdmin(GuardedModelAdmin):
    """Repositories: where they come from, who needs a second person, and (object permissions) who may do what."""

    list_display = ("project", "slug", "branch", "status", "needs_review", "refreshed_at", "error")
    list_display_links = ("slug",)
    list_filter = ("project", "status", "needs_review")
    list_select_related = ("project",)
    search_fields = ("slug", "origin_uri")
    readonly_fields = ("status", "error", "warnings", "commit", "commit_subject", "refreshed_at", "poll_after")
    actions = ("refresh",)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:  # noqa: ANN401 - Django's own signature
        """Lets the branch be empty."""
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "branch":
            field.required, field.help_text = False, "Empty for the one that the origin says is its default."
        return field

    @admin.action(description="Refresh now")
    def refresh(self, request: HttpRequest, queryset: QuerySet[Repository]) -> None:
        """Asks for a refresh of each."""
        for repository in queryset:
            intake.request_refresh(repository, at=timezone.now())
        messages.success(request, f"{len(queryset)} repositories will be refreshed.")


@admin.register(Share)
class ShareAdmin(admin.ModelAdmin[Share]):
    """Weights of groups, people, repositories and campaigns in the dispatch; whoever has no row has weight 1."""

    list_display = ("key", "weight")
    search_fields = ("key",)
    ordering = ("key",)


@admin.register(Requirement)
class RequirementAdmin(admin.ModelAdmin[Requirement]):
    """Memory and disk that builds of a recipe take: new builds ask for them, and go where there is that much."""

    list_display = ("source_name", "architecture", "memory_bytes", "disk_bytes")
    list_filter = ("architecture",)
    search_fields = ("source_name",)
    ordering = ("source_name", "architecture")


@admin.register(Recipe)
class RecipeAdmin(ReadOnly, admin.ModelAdmin[Recipe]):
    """Recipes as they were read from git."""

    list_display = ("name", "version", "release", "repository", "error")
    list_select_related = ("repository__project",)
    search_fields = ("name", "path")
    show_full_result_count = False


class EventInline(ReadOnly, admin.TabularInline[TaskEvent, BuildTask]):
    """The transitions of a build."""

    model = TaskEvent
    extra = 0
    ordering = ("at", "pk")


class CampaignEventInline(ReadOnly, admin.TabularInline[CampaignEvent, Campaign]):
    """What happened to a campaign."""

    model = CampaignEvent
    extra = 0
    ordering = ("pk",)


@admin.register(Campaign)
class CampaignAdmin(ReadOnly, admin.ModelAdmin[Campaign]):
    """Campaigns and their transitions; they are steered on their pages."""

    list_display = ("title", "profile", "kind", "status", "created_by", "published_version", "updated_at")
    list_filter = ("status", "kind", "profile")
    list_select_related = ("profile__project", "created_by")
    search_fields = ("title", "argument")
    ordering = ("-pk",)
    exclude = ("repositories",)
    inlines = (CampaignEventInline,)


class WithdrawalEventInline(ReadOnly, admin.TabularInline[WithdrawalEvent, Withdrawal]):
    """What happened to a withdrawal."""

    model = WithdrawalEvent
    extra = 0
    ordering = ("pk",)


@admin.register(Withdrawal)
class WithdrawalAdmin(ReadOnly, admin.ModelAdmin[Withdrawal]):
    """Who withdrew the packages of what, and why; they are ordered on the pages of projects."""

    list_display = ("source_name", "profile", "status", "actor", "reason", "version", "ordered_at")
    list_filter = ("status", "profile")
    list_select_related = ("profile__project", "actor")
    search_fields = ("source_name", "reason")
    ordering = ("-pk",)
    inlines = (WithdrawalEventInline,)


@admin.register(BuildTask)
class BuildTaskAdmin(ReadOnly, admin.ModelAdmin[BuildTask]):
    """Builds and their transitions; what may be done with them is on their pages."""

    list_display = ("source_name", "version", "release", "profile", "status", "blockers", "problem", "updated_at")
    list_filter = ("status", "profile", "failure_kind")
    list_select_related = ("profile__project",)
    search_fields = ("source_name",)
    show_full_result_count = False
    inlines = (EventInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[BuildTask, BuildTask]:
        """Puts the newest first."""
        rows: Any = super().get_queryset(request)
        return rows.latest_first()  # type: ignore[no-any-return] # the admin's manager is untyped


class ReviewInline(ReadOnly, admin.TabularInline[Review, Submission]):
    """The verdicts on a submission."""

    model = Review
    extra = 0


@admin.register(Submission)
class SubmissionAdmin(ReadOnly, admin.ModelAdmin[Submission]):
    """Submissions and their reviews: an audit, not a place to decide."""

    list_display = ("title", "repository", "author_name", "purpose", "status", "created_at", "decided_at")
    list_filter = ("status", "purpose")
    list_select_related = ("repository__project",)
    inlines = (ReviewInline,)
