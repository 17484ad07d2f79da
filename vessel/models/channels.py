"""Channels, and the pointers of a channel: streams that move and tags that stay."""

from typing import Self

from django.db import models

IDENTIFIER_LIMIT = 63


class ChannelQuerySet(models.QuerySet["Channel"]):
    """Finds channels."""

    def by_name(self) -> Self:
        """Sorts them as pages list them."""
        return self.order_by("name")


class Channel(models.Model):
    """A repository that clients configure: its own pool, its own root index, any number of streams.

    Whether it is official is decided once: the database refuses to change it, and refuses a stone of a test builder
    in an official one (migration 0002).
    """

    name = models.CharField(max_length=IDENTIFIER_LIMIT, unique=True)
    is_official = models.BooleanField()
    created_at = models.DateTimeField()

    objects = ChannelQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class StreamQuerySet(models.QuerySet["Stream"]):
    """Finds streams by the names that orders and addresses use."""

    def named(self, channel: str, stream: str) -> Self:
        """Narrows to the stream of that name in the channel of that name, unless it is a branch that was dropped."""
        return self.live().filter(channel__name=channel, name=stream)

    def live(self) -> Self:
        """Leaves out branches that were dropped."""
        return self.filter(branch__dropped_at__isnull=True)

    def by_name(self) -> Self:
        """Sorts them as pages list them."""
        return self.order_by("channel__name", "name")


class Stream(models.Model):
    """A pointer that clients follow, and the lineage of the versions that were made by publishing to it.

    Each stream has a lineage of its own: what is published to it makes a version of this lineage, whose members are
    intervals over the lineage's versions. The pointer may stand on any version of the channel, of its own lineage
    (after a rollback, on an older one) or of another stream's (after a promotion). The next import then builds on the
    contents of the version pointed to, and the new version costs its difference to the head of the own lineage.
    """

    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="streams")
    name = models.CharField(max_length=IDENTIFIER_LIMIT)
    architectures = models.JSONField(default=list)  # whose index exists even when it is empty
    version = models.ForeignKey("Version", on_delete=models.PROTECT, null=True, related_name="pointing_streams")
    moved_at = models.DateTimeField()

    objects = StreamQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["channel", "name"], name="one_stream_of_a_name_per_channel")]

    def __str__(self) -> str:
        return f"{self.channel.name}/{self.name}"


class StreamMove(models.Model):
    """One row a move of a stream: whence, whither, by whom, why and when."""

    stream = models.ForeignKey(Stream, on_delete=models.PROTECT, related_name="moves")
    from_version = models.ForeignKey("Version", on_delete=models.PROTECT, null=True, related_name="+")
    to_version = models.ForeignKey("Version", on_delete=models.PROTECT, related_name="+")
    who = models.CharField(max_length=150, blank=True)  # a user's name, "" where an import did it
    why = models.CharField(max_length=500, blank=True)
    moved_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.stream} → {self.to_version_id}"


class Tag(models.Model):
    """A name for a version of a channel that is kept as long as the tag stands."""

    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="tags")
    name = models.CharField(max_length=IDENTIFIER_LIMIT)
    version = models.ForeignKey("Version", on_delete=models.PROTECT, related_name="tags")
    created_at = models.DateTimeField()
    who = models.CharField(max_length=150, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["channel", "name"], name="one_tag_of_a_name_per_channel")]

    def __str__(self) -> str:
        return f"{self.channel.name}/{self.name}"
