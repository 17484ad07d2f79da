"""Stones: the files of a channel's pool, with all that an index or a page says of them."""

from datetime import datetime
from typing import Self

from django.db import models

from serpent_infra.formats.stone.meta import Meta as PackageMeta
from vessel.models.channels import Channel


class StoneQuerySet(models.QuerySet["Stone"]):
    """Finds stones."""

    def light(self) -> Self:
        """Leaves out the index record, which only a publisher needs."""
        return self.defer("index_record")

    def stored(self) -> Self:
        """Narrows to stones whose file is in the pool."""
        return self.filter(pruned_at__isnull=True)


class Stone(models.Model):
    """One package file of a channel's pool, written once under its name, known by its hash.

    `index_record` is the payload that `stone.index` holds for it, compressed once, so that an index is a concatenation.
    """

    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="stones")
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()  # bytes of the file
    file_name = models.CharField(max_length=255)
    pool_path = models.CharField(max_length=600)  # relative to the channel's directory
    index_record = models.BinaryField()

    name = models.CharField(max_length=255)
    source_name = models.CharField(max_length=255)
    version = models.CharField(max_length=128)
    release = models.BigIntegerField()
    build_release = models.BigIntegerField()
    architecture = models.CharField(max_length=32)
    summary = models.TextField(blank=True)
    description = models.TextField(blank=True)
    homepage = models.TextField(blank=True)
    licences = models.JSONField(default=list)
    provides = models.JSONField(default=list)  # `kind(target)`, its own name left out
    depends = models.JSONField(default=list)
    conflicts = models.JSONField(default=list)

    is_trusted = models.BooleanField()  # built for the purpose on an official builder
    provenance = models.JSONField(default=dict)  # project, repository, recipe, commit, builder, attempt, task
    stored_at = models.DateTimeField()
    pruned_at = models.DateTimeField(null=True)

    objects = StoneQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["channel", "sha256"], name="one_stone_of_a_hash_per_channel"),
            models.UniqueConstraint(fields=["channel", "pool_path"], name="one_stone_at_a_pool_path"),
        ]
        indexes = [
            models.Index(fields=["channel", "name"], name="stones_by_name"),
            models.Index(fields=["channel", "source_name"], name="stones_by_source"),
        ]

    def __str__(self) -> str:
        return self.file_name

    @classmethod
    def describe(
        cls,
        *,
        channel: Channel,
        meta: PackageMeta,
        sha256: str,
        size: int,
        pool_path: str,
        index_record: bytes,
        is_trusted: bool,
        provenance: dict[str, str],
        at: datetime,
    ) -> Self:
        """Makes the row of a stone, unsaved, from its metadata."""
        return cls(
            channel=channel,
            sha256=sha256,
            size=size,
            file_name=meta.file_name,
            pool_path=pool_path,
            index_record=index_record,
            name=meta.name,
            source_name=meta.source_id,
            version=meta.version,
            release=meta.release,
            build_release=meta.build_release,
            architecture=meta.architecture,
            summary=meta.summary,
            description=meta.description,
            homepage=meta.homepage,
            licences=sorted(meta.licenses),
            provides=[capability.text for capability in sorted(meta.provides)],
            depends=[capability.text for capability in sorted(meta.depends)],
            conflicts=[capability.text for capability in sorted(meta.conflicts)],
            is_trusted=is_trusted,
            provenance=provenance,
            stored_at=at,
        )

    @property
    def release_text(self) -> str:
        """Version and release as people write them, e.g. `1.3.1-4`."""
        return f"{self.version}-{self.release}"
