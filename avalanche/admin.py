"""Django's admin for builders, their slots and codes, and a read-only look at attempts."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from avalanche import enrolment
from avalanche.models import Attempt, AttemptEvent, Builder, EnrolmentCode, Slot
from serpent_infra.admin import ReadOnly


class SlotInline(ReadOnly, admin.TabularInline[Slot, Builder]):
    """The slots a builder declared."""

    model = Slot
    extra = 0


class EventInline(ReadOnly, admin.TabularInline[AttemptEvent, Attempt]):
    """The transitions of an attempt."""

    model = AttemptEvent
    extra = 0
    ordering = ("at", "pk")


@admin.register(Builder)
class BuilderAdmin(admin.ModelAdmin[Builder]):
    """Builders: register, let join, drain, resume, demote, revoke."""

    list_display = ("name", "owner", "tier", "architecture", "is_draining", "enrolled_at", "seen_at")
    list_filter = ("tier", "is_draining", "architecture")
    search_fields = ("name", "owner__username")
    ordering = ("name",)
    raw_id_fields = ("owner",)
    readonly_fields = ("architecture", "isa_levels", "host", "created_at", "enrolled_at", "seen_at")
    inlines = (SlotInline,)
    actions = ("give_code", "drain", "resume", "demote", "revoke")

    def save_model(self, request: HttpRequest, obj: Builder, form: Any, change: bool) -> None:  # noqa: ANN401, FBT001
        """Stamps a new builder with its time."""
        if not change:
            obj.created_at = timezone.now()
        super().save_model(request, obj, form, change)

    @admin.action(description="Give a one-shot enrolment code")
    def give_code(self, request: HttpRequest, queryset: QuerySet[Builder]) -> None:
        """Shows a fresh code for each chosen builder, this once."""
        for builder in queryset:
            _, code = EnrolmentCode.issue(builder=builder, at=timezone.now(), lifetime=enrolment.CODE_LIFETIME)
            minutes = int(enrolment.CODE_LIFETIME.total_seconds() // 60)
            messages.success(request, f"{builder}: manage.py enrol <hub url> {code} (good for {minutes} minutes)")

    @admin.action(description="Drain: finish what runs, offer nothing more")
    def drain(self, request: HttpRequest, queryset: QuerySet[Builder]) -> None:  # noqa: ARG002 - Django's signature
        """Drains each chosen builder."""
        for builder in queryset:
            builder.drain()

    @admin.action(description="Resume: offer work again")
    def resume(self, request: HttpRequest, queryset: QuerySet[Builder]) -> None:  # noqa: ARG002 - Django's signature
        """Resumes each chosen builder."""
        for builder in queryset:
            builder.resume()

    @admin.action(description="Demote to test builds")
    def demote(self, request: HttpRequest, queryset: QuerySet[Builder]) -> None:  # noqa: ARG002 - Django's signature
        """Demotes each chosen builder."""
        for builder in queryset:
            builder.demote()

    @admin.action(description="Revoke: forget the key and end the broker account")
    def revoke(self, request: HttpRequest, queryset: QuerySet[Builder]) -> None:  # noqa: ARG002 - Django's signature
        """Revokes each chosen builder."""
        for builder in queryset:
            enrolment.revoke(builder)


@admin.register(EnrolmentCode)
class EnrolmentCodeAdmin(ReadOnly, admin.ModelAdmin[EnrolmentCode]):
    """Codes that were given out; their text is nowhere."""

    list_display = ("builder", "created_at", "expires_at", "used_at")
    list_select_related = ("builder",)
    ordering = ("-created_at",)


@admin.register(Attempt)
class AttemptAdmin(ReadOnly, admin.ModelAdmin[Attempt]):
    """Attempts, to look at."""

    list_display = ("title", "status", "builder", "slot", "offered_at", "ended_at", "failure_kind")
    list_filter = ("status", "purpose", "failure_kind")
    list_select_related = ("builder", "slot__builder")
    search_fields = ("title", "task", "id")
    ordering = ("-offered_at",)
    inlines = (EventInline,)
