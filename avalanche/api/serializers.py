"""What the REST API tells of builders and attempts; keys, passwords and orders' internals stay inside."""

from rest_framework import serializers

from avalanche.models import Artefact, Attempt, AttemptEvent, Builder, HostSample, PhaseTime, Slot


class SampleSerializer(serializers.ModelSerializer[HostSample]):
    """One measurement, percent per CPU and bytes."""

    cpu_percent = serializers.ListField(child=serializers.FloatField())

    class Meta:
        model = HostSample
        fields = ("at", "cpu_percent", "load_1m", "memory_used", "memory_available", "disk_used", "disk_free")


class SlotSerializer(serializers.ModelSerializer[Slot]):
    """One slot; memory in bytes, 0 for no limit."""

    cpus = serializers.ListField(child=serializers.IntegerField())

    class Meta:
        model = Slot
        fields = ("index", "cpus", "memory_limit")


class BuilderSerializer(serializers.ModelSerializer[Builder]):
    """One builder as lists show it."""

    isa_levels = serializers.ListField(child=serializers.CharField())
    is_online = serializers.BooleanField(source="health.is_online")
    problems = serializers.ListField(child=serializers.CharField(), source="health.problems")
    slots_total = serializers.IntegerField()
    slots_busy = serializers.IntegerField()
    latest_sample = SampleSerializer(source="sample", allow_null=True)

    class Meta:
        model = Builder
        fields: tuple[str, ...] = (
            *("name", "tier", "architecture", "isa_levels", "is_online", "is_draining", "problems"),
            *("slots_total", "slots_busy", "enrolled_at", "seen_at", "latest_sample"),
        )


class BuilderDetailSerializer(BuilderSerializer):
    """One builder with its slots."""

    slots = SlotSerializer(many=True, source="current_slots")

    class Meta(BuilderSerializer.Meta):
        fields: tuple[str, ...] = (*BuilderSerializer.Meta.fields, "slots")


class ArtefactSerializer(serializers.ModelSerializer[Artefact]):
    """One file that a build left; size in bytes."""

    class Meta:
        model = Artefact
        fields = ("kind", "name", "size", "sha256")


class PhaseTimeSerializer(serializers.ModelSerializer[PhaseTime]):
    """One phase of a build; `log_offset` in bytes."""

    class Meta:
        model = PhaseTime
        fields = ("name", "seconds", "log_offset")


class AttemptEventSerializer(serializers.ModelSerializer[AttemptEvent]):
    """One transition."""

    previous = serializers.CharField(source="source")
    status = serializers.CharField(source="target")

    class Meta:
        model = AttemptEvent
        fields = ("at", "previous", "status", "note")


class AttemptSerializer(serializers.ModelSerializer[Attempt]):
    """One try of a build on one slot; peaks are the bytes that it held at once at most, null where not measured."""

    builder = serializers.SlugRelatedField[Builder](slug_field="name", read_only=True)
    slot = serializers.IntegerField(source="slot.index")
    purpose = serializers.CharField()
    artefacts = ArtefactSerializer(many=True)
    phases = PhaseTimeSerializer(many=True, source="phase_times")
    events = AttemptEventSerializer(many=True)

    class Meta:
        model = Attempt
        fields = (
            *("id", "task", "title", "purpose", "builder", "slot", "status", "phase", "offered_at", "started_at"),
            *("ended_at", "failure_kind", "failure_message", "isolation", "log_size"),
            *("memory_peak", "memory_method", "disk_peak", "artefacts", "phases", "events"),
        )
