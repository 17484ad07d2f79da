"""The forms of vessel's resources in the REST API."""

from rest_framework import serializers

from vessel.models import Channel, Membership, Stream, Tag, Version


class StreamSerializer(serializers.ModelSerializer[Stream]):
    """A stream and where it points."""

    version = serializers.IntegerField(source="version_id", allow_null=True)

    class Meta:
        model = Stream
        fields = ("name", "version", "architectures", "moved_at")


class TagSerializer(serializers.ModelSerializer[Tag]):
    """A tag and the version it names."""

    version = serializers.IntegerField(source="version_id")

    class Meta:
        model = Tag
        fields = ("name", "version", "created_at", "who")
        read_only_fields = ("created_at", "who")


class ChannelSerializer(serializers.ModelSerializer[Channel]):
    """A channel with its pointers."""

    streams = StreamSerializer(many=True, read_only=True)
    tags = TagSerializer(many=True, read_only=True)

    class Meta:
        model = Channel
        fields = ("name", "is_official", "created_at", "streams", "tags")


class VersionSerializer(serializers.ModelSerializer[Version]):
    """A version in a list; counts are packages against its parent, `size` bytes of all its stones."""

    stream = serializers.CharField(source="lineage.name")
    built_on = serializers.IntegerField(source="parent_id", allow_null=True)

    class Meta:
        model = Version
        fields = (
            "identifier",
            "stream",
            "built_on",
            "summary",
            "architectures",
            "added",
            "upgraded",
            "removed",
            "packages",
            "size",
            "created_at",
            "completed_at",
            "pruned_at",
        )


class PackageSerializer(serializers.ModelSerializer[Membership]):
    """A package of a version."""

    source_name = serializers.CharField(source="stone.source_name")
    version = serializers.CharField(source="stone.version")
    release = serializers.IntegerField(source="stone.release")
    build_release = serializers.IntegerField(source="stone.build_release")
    summary = serializers.CharField(source="stone.summary")
    homepage = serializers.CharField(source="stone.homepage")
    licences = serializers.ListField(source="stone.licences", child=serializers.CharField())
    provides = serializers.ListField(source="stone.provides", child=serializers.CharField())
    depends = serializers.ListField(source="stone.depends", child=serializers.CharField())
    sha256 = serializers.CharField(source="stone.sha256")
    size = serializers.IntegerField(source="stone.size")
    path = serializers.CharField(source="stone.pool_path")
    provenance = serializers.DictField(source="stone.provenance", child=serializers.CharField())

    class Meta:
        model = Membership
        fields = (
            "name",
            "architecture",
            "source_name",
            "version",
            "release",
            "build_release",
            "summary",
            "homepage",
            "licences",
            "provides",
            "depends",
            "sha256",
            "size",
            "path",
            "provenance",
        )


class ItemSerializer(serializers.Serializer[object]):
    """A package as a comparison names it."""

    name = serializers.CharField()
    architecture = serializers.CharField()
    source_name = serializers.CharField()
    version = serializers.CharField()
    release = serializers.IntegerField()
    build_release = serializers.IntegerField()
    sha256 = serializers.CharField()
    size = serializers.IntegerField()


class ChangeSerializer(serializers.Serializer[object]):
    """A package that two versions have differently."""

    old = ItemSerializer()
    new = ItemSerializer()


class ChangesSerializer(serializers.Serializer[object]):
    """What leads from one version to another."""

    added = ItemSerializer(many=True)
    replaced = ChangeSerializer(many=True)
    removed = ItemSerializer(many=True)


class MoveSerializer(serializers.Serializer[object]):
    """Where a stream is to point, where the mover saw it point, and why."""

    version = serializers.IntegerField()
    expected = serializers.IntegerField()
    why = serializers.CharField(max_length=500)
