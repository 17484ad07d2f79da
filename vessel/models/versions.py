"""Versions: immutable contents of a channel, and the memberships that spell them as intervals."""

from datetime import datetime
from typing import Self

from django.db import IntegrityError, models, transaction

from vessel.models.channels import Channel, Stream
from vessel.models.stones import Stone

IDENTIFIER_TRIES = 10


class VersionQuerySet(models.QuerySet["Version"]):
    """Finds versions by what may be done with them."""

    def complete(self) -> Self:
        """Narrows to versions whose files are on disk."""
        return self.filter(completed_at__isnull=False)

    def incomplete(self) -> Self:
        """Narrows to versions that a publisher has begun and not finished, oldest first."""
        return self.filter(completed_at__isnull=True).order_by("identifier")

    def kept(self) -> Self:
        """Narrows to complete versions that clients may still ask for, newest first."""
        return self.complete().filter(pruned_at__isnull=True).order_by("-identifier")

    def prunable(self, *, before: datetime) -> Self:
        """Narrows to kept versions made before that time which no stream and no tag names."""
        return self.kept().filter(created_at__lt=before).unnamed()

    def unnamed(self) -> Self:
        """Leaves out versions that a stream or a tag points to, and those that a branch's versions lie over."""
        covered = models.Exists(Version.objects.filter(base=models.OuterRef("pk"), pruned_at__isnull=True))
        return self.filter(~covered, pointing_streams__isnull=True, tags__isnull=True)

    def newest_first(self) -> Self:
        """Sorts them as pages list them."""
        return self.order_by("-identifier")


class Version(models.Model):
    """The contents of a channel at one moment; nothing about them changes once they are complete.

    The identifier is the time in Unix seconds, moved on where it is taken, so that it rises with every version made.
    A version of a branch lies over its `base`, of another lineage: what the memberships of its own lineage do not
    replace, and its absences do not hide, is as in there. A base has no base itself.
    """

    identifier = models.BigIntegerField(primary_key=True)
    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="versions")
    lineage = models.ForeignKey(Stream, on_delete=models.PROTECT, related_name="lineage_versions")
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="children")
    base = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="overlays")
    architectures = models.JSONField(default=list)  # each has an index on disk
    summary = models.CharField(max_length=500)  # of the change, e.g. "zlib 1.3.1-4"
    added = models.PositiveIntegerField(default=0)  # packages, against the parent
    upgraded = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)
    packages = models.PositiveIntegerField(default=0)
    size = models.BigIntegerField(default=0)  # bytes of all its stones
    created_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True)
    pruned_at = models.DateTimeField(null=True)

    objects = VersionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(pruned_at__isnull=True) | models.Q(completed_at__isnull=False),
                name="only_complete_versions_are_pruned",
            ),
            models.UniqueConstraint(
                fields=["channel"], condition=models.Q(completed_at__isnull=True), name="one_version_in_the_making"
            ),
        ]
        indexes = [models.Index(fields=["channel", "-identifier"], name="versions_of_a_channel")]

    def __str__(self) -> str:
        return str(self.identifier)

    @staticmethod
    def begin(
        *,
        channel: Channel,
        lineage: Stream,
        parent: "Version | None",
        base: "Version | None",
        architectures: list[str],
        summary: str,
        added: int,
        upgraded: int,
        removed: int,
        packages: int,
        size: int,
        at: datetime,
    ) -> "Version":
        """Makes an incomplete version with the next identifier, which another channel may take at the same moment."""
        for left in reversed(range(IDENTIFIER_TRIES)):
            latest = Version.objects.aggregate(latest=models.Max("identifier"))["latest"] or 0
            try:
                with transaction.atomic():
                    return Version.objects.create(
                        identifier=max(int(at.timestamp()), latest + 1),
                        channel=channel,
                        lineage=lineage,
                        parent=parent,
                        base=base,
                        architectures=architectures,
                        summary=summary,
                        added=added,
                        upgraded=upgraded,
                        removed=removed,
                        packages=packages,
                        size=size,
                        created_at=at,
                    )
            except IntegrityError:
                if not left:
                    raise
        raise AssertionError

    @property
    def is_kept(self) -> bool:
        """Says whether clients may ask for it."""
        return self.completed_at is not None and self.pruned_at is None


def _interval(version: Version) -> models.Q:
    return models.Q(stream=version.lineage_id, added_in__lte=version.pk) & (
        models.Q(removed_in__isnull=True) | models.Q(removed_in__gt=version.pk)
    )


class MembershipQuerySet(models.QuerySet["Membership"]):
    """Reads the contents of a version out of the intervals."""

    def of(self, version: Version) -> Self:
        """Narrows to what a version holds: its lineage's own, over what it neither replaces nor lacks of the base."""
        own = _interval(version)
        if version.base is None:
            return self.filter(own)
        key = {name: models.OuterRef(name) for name in ("name", "architecture")}
        same = Membership.objects.filter(own, **key)
        absent = Absence.objects.filter(stream=version.lineage_id, since__lte=version.pk, **key)
        return self.filter(own | _interval(version.base) & ~models.Exists(same) & ~models.Exists(absent))

    def current(self, stream: Stream) -> Self:
        """Narrows to the contents of the head of a stream's lineage."""
        return self.filter(stream=stream, removed_in__isnull=True)


class Membership(models.Model):
    """A stone is in the versions of a lineage from `added_in` up to, and without, `removed_in`.

    A version costs its changes: nothing is copied from one to the next. Two triggers (migration 0002) hold that the
    stone is one of the stream's channel, and that an official channel has only trusted stones.
    """

    stream = models.ForeignKey(Stream, on_delete=models.PROTECT, related_name="memberships")
    stone = models.ForeignKey(Stone, on_delete=models.PROTECT, related_name="memberships")
    name = models.CharField(max_length=255)
    architecture = models.CharField(max_length=32)
    added_in = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="additions")
    removed_in = models.ForeignKey(Version, on_delete=models.PROTECT, null=True, related_name="removals")

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["stream", "architecture", "name"],
                condition=models.Q(removed_in__isnull=True),
                name="one_current_member_of_a_name",
            ),
            models.UniqueConstraint(
                fields=["stream", "architecture", "name", "added_in"], name="one_member_of_a_name_per_version"
            ),
            models.CheckConstraint(
                condition=models.Q(removed_in__isnull=True) | models.Q(removed_in__gt=models.F("added_in")),
                name="members_leave_after_they_join",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} in {self.stream_id} from {self.added_in_id}"


class Absence(models.Model):
    """A package that the versions of a branch from `since` on lack, although their base holds one of that name.

    A membership of the branch's own lineage wins over it.
    """

    stream = models.ForeignKey(Stream, on_delete=models.PROTECT, related_name="absences")
    name = models.CharField(max_length=255)
    architecture = models.CharField(max_length=32)
    since = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="absences")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["stream", "architecture", "name"], name="one_absence_of_a_name_per_branch")
        ]

    def __str__(self) -> str:
        return f"{self.name} not in {self.stream_id} from {self.since_id}"
