"""A package's metadata: what its meta payload says (stone-spec 1.5)."""

from dataclasses import dataclass

from serpent_infra.formats.dependency import Capability


@dataclass(frozen=True, slots=True)
class UnknownRecord:
    """A meta record, or the kind of a capability, that this library has no name for; it is written back as read."""

    tag: int
    primitive: int
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """One package's metadata.

    `depends`, `provides` and `conflicts` are sets: they are written sorted by their text. The package's own name is
    no member of `provides`; `providers` adds it.

    Attributes:
        source_id: the recipe's name.
        release: the recipe's release, raised by the packager.
        build_release: how often that release was built; 0 in manifests.
        licenses: SPDX identifiers, written sorted.
        build_depends: manifests only, in the order of the recipe's sorted strings.
        uri: indexes only, where the stone is, relative to the index.
        hash: indexes only, SHA-256 of the stone in lower-case hex.
        size: indexes only, bytes of the stone.
        source_uri: where the source was, seen in no file yet.
        source_path: which path of it, likewise.
        source_ref: which state of it, likewise.
        unknown: records without a name, in the order they were read.
    """

    name: str
    version: str
    release: int
    build_release: int
    architecture: str
    summary: str
    description: str
    source_id: str
    homepage: str
    licenses: tuple[str, ...] = ()
    depends: frozenset[Capability] = frozenset()
    provides: frozenset[Capability] = frozenset()
    conflicts: frozenset[Capability] = frozenset()
    build_depends: tuple[Capability, ...] = ()
    uri: str | None = None
    hash: str | None = None
    size: int | None = None
    source_uri: str | None = None
    source_path: str | None = None
    source_ref: str | None = None
    unknown: tuple[UnknownRecord, ...] = ()

    @property
    def providers(self) -> frozenset[Capability]:
        """All that the package provides, its own name included."""
        return self.provides | {Capability.name(self.name)}

    @property
    def package_id(self) -> str:
        """The identity inside a file, `<name>-<version>-<release>.<architecture>`."""
        return f"{self.name}-{self.version}-{self.release}.{self.architecture}"

    @property
    def file_name(self) -> str:
        """The stone's file name, `<name>-<version>-<release>-<build release>-<architecture>.stone` (5.5)."""
        return f"{self.name}-{self.version}-{self.release}-{self.build_release}-{self.architecture}.stone"
