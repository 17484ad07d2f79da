"""What administrators see of vessel: everything, and nothing to edit, because what is published never changes.

Streams and tags are moved in the pages, by people with the permission to.
"""

from typing import Any

from django.contrib import admin

from serpent_infra.admin import ReadOnly
from vessel.models import Branch, Channel, Import, ImportEvent, Stone, Stream, StreamMove, Tag, Version


@admin.register(Channel)
class ChannelAdmin(ReadOnly, admin.ModelAdmin[Any]):
    """Channels."""

    list_display = ("name", "is_official", "created_at")
    ordering = ("name",)


@admin.register(Stream)
class StreamAdmin(ReadOnly, admin.ModelAdmin[Any]):
    """Streams and where they point."""

    list_display = ("name", "channel", "version", "moved_at")
    list_select_related = ("channel", "version")
    ordering = ("channel__name", "name")


@admin.register(Branch)
class BranchAdmin(ReadOnly, admin.ModelAdmin[Any]):
    """Branches, what they began as and what became of them."""

    list_display = ("stream", "origin", "merged_in", "merged_by", "created_at", "dropped_at")
    list_select_related = ("stream__channel", "origin", "merged_in")
    ordering = ("-pk",)


@admin.register(StreamMove)
class StreamMoveAdmin(ReadOnly, admin.ModelAdmin[Any]):
    """Who moved which stream where, and why."""

    list_display = ("moved_at", "stream", "from_version", "to_version", "who", "why")
    list_filter = ("stream__name",)
    list_select_related = ("stream__channel", "from_version", "to_version")
    ordering = ("-pk",)


@admin.register(Tag)
class TagAdmin(ReadOnly, admin.ModelAdmin[Any]):
    """Tags and what they name."""

    list_display = ("name", "channel", "version", "who", "created_at")
    list_select_related = ("channel", "version")
    ordering = ("channel__name", "name")


@admin.register(Version)
class VersionAdmin(ReadOnly, admin.ModelAdmin[Any]):
    """Versions and what each changed."""

    list_display = ("identifier", "channel", "lineage", "summary", "added", "upgraded", "removed", "completed_at")
    list_filter = ("channel",)
    list_select_related = ("channel", "lineage__channel")
    search_fields = ("summary",)
    ordering = ("-identifier",)


@admin.register(Stone)
class StoneAdmin(ReadOnly, admin.ModelAdmin[Any]):
    """Stones and where they came from."""

    list_display = ("file_name", "channel", "source_name", "size", "is_trusted", "stored_at", "pruned_at")
    list_filter = ("channel", "is_trusted", "architecture")
    list_select_related = ("channel",)
    search_fields = ("name", "source_name", "sha256")
    exclude = ("index_record",)
    ordering = ("-pk",)


class EventInline(ReadOnly, admin.TabularInline[Any, Any]):
    """What happened to an import."""

    model = ImportEvent
    extra = 0
    ordering = ("pk",)


@admin.register(Import)
class ImportAdmin(ReadOnly, admin.ModelAdmin[Any]):
    """Imports and how far they have come."""

    list_display = ("reference", "stream", "status", "tries", "problem", "updated_at")
    list_filter = ("status", "is_infrastructure_problem")
    list_select_related = ("stream__channel",)
    search_fields = ("reference", "problem")
    inlines = (EventInline,)
    ordering = ("-pk",)
