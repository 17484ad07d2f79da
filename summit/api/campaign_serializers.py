"""What the REST API tells of campaigns and takes for them; times in seconds."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers

from summit.campaigns.preview import Preview
from summit.campaigns.progress import Progress, progress_of
from summit.models import BuildTask, Campaign, CampaignEvent, CampaignKind

LONGEST_ARGUMENT = 100_000


class AskedSerializer(serializers.Serializer[Any]):
    """Which recipes of which profile."""

    project = serializers.SlugField()
    profile = serializers.SlugField()
    kind = serializers.ChoiceField(choices=CampaignKind.choices)
    argument = serializers.CharField(required=False, default="", allow_blank=True, max_length=LONGEST_ARGUMENT)


class NewCampaignSerializer(AskedSerializer):
    """A campaign to be made; `start` begins it at once."""

    title = serializers.CharField(required=False, default="", allow_blank=True, max_length=200)
    why = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)
    start = serializers.BooleanField(required=False, default=False)


class PublicationSerializer(serializers.Serializer[Any]):
    """How many builds without a result are left out, which must be as many as there are; and why."""

    without = serializers.IntegerField(required=False, default=0, min_value=0)
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=300)


class LeftOutSerializer(serializers.Serializer[tuple[str, str]]):
    """A recipe that was meant, and why it is not rebuilt."""

    recipe = serializers.CharField(source="0")
    why = serializers.CharField(source="1")


class InDoubtSerializer(serializers.ModelSerializer[BuildTask]):
    """A build of one of the recipes that failed, or is open."""

    recipe = serializers.CharField(source="source_name")

    class Meta:
        model = BuildTask
        fields = ("id", "recipe", "version", "release", "status", "problem", "campaign")


class PreviewSerializer(serializers.Serializer[Preview]):
    """What a campaign would do: `seconds` at least on today's fleet, null where no builder could take it."""

    count = serializers.IntegerField()
    recipes = serializers.SerializerMethodField()
    seconds = serializers.FloatField(allow_null=True)
    slots = serializers.IntegerField()
    work_seconds = serializers.FloatField(source="shape.work")
    longest_chain_seconds = serializers.FloatField(source="shape.longest_chain")
    steps = serializers.IntegerField(source="shape.waves")
    never_built = serializers.IntegerField(source="unknown")
    in_cycles = serializers.IntegerField(source="shape.in_cycles")
    largest_cycle = serializers.ListField(source="shape.largest_cycle", child=serializers.CharField())
    blocked = LeftOutSerializer(source="shape.blocked", many=True)
    left_out = LeftOutSerializer(source="selection.left_out", many=True)
    failed = InDoubtSerializer(many=True)
    busy = InDoubtSerializer(many=True)

    def get_recipes(self, found: Preview) -> list[str]:
        """Lists the names, sorted."""
        return [member.name for member in found.selection.members]


class CampaignSerializer(serializers.ModelSerializer[Campaign]):
    """One campaign as lists show it."""

    project = serializers.CharField(source="profile.project.slug")
    profile = serializers.CharField(source="profile.name")
    created_by = serializers.SlugRelatedField[Any](slug_field="username", read_only=True)

    class Meta:
        model = Campaign
        fields: tuple[str, ...] = (
            *("id", "project", "profile", "title", "kind", "argument", "why", "status", "problem", "stream"),
            *("published_version", "created_by", "created_at", "started_at", "ended_at", "updated_at"),
        )


class CampaignEventSerializer(serializers.ModelSerializer[CampaignEvent]):
    """One transition: who, why, when; no actor where the system decided."""

    actor = serializers.SlugRelatedField[Any](slug_field="username", read_only=True)

    class Meta:
        model = CampaignEvent
        fields = ("at", "source", "target", "actor", "sentence")


class ProgressSerializer(serializers.Serializer[Progress]):
    """How far it is: builds by status, and the seconds that the rest takes at least."""

    counts = serializers.DictField(child=serializers.IntegerField())
    total = serializers.IntegerField()
    completed = serializers.IntegerField()
    moving = serializers.IntegerField()
    missing = serializers.IntegerField()
    remaining_seconds = serializers.FloatField(source="remaining", allow_null=True)


class CampaignDetailSerializer(CampaignSerializer):
    """One campaign with its progress and events; `kept` is what the stream had newer when it was published."""

    kept = serializers.ListField(child=serializers.CharField())
    left_out = LeftOutSerializer(many=True)
    progress = serializers.SerializerMethodField()
    events = serializers.SerializerMethodField()

    class Meta(CampaignSerializer.Meta):
        fields: tuple[str, ...] = (*CampaignSerializer.Meta.fields, "kept", "left_out", "progress", "events")

    def get_progress(self, campaign: Campaign) -> dict[str, Any]:
        """Counts its builds."""
        return dict(ProgressSerializer(progress_of(campaign, at=timezone.now())).data)

    def get_events(self, campaign: Campaign) -> list[dict[str, Any]]:
        """Lists the transitions, oldest first."""
        rows = campaign.events.select_related("actor").order_by("at", "pk")
        return list(CampaignEventSerializer(rows, many=True).data)
