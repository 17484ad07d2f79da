"""What a stream offers now, and how imports stand: the reading half of the door."""

from collections.abc import Collection

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.errors import FormatError
from vessel.models import Import, Membership, Stream, Version
from vessel.orders import ImportReport, PublishedPackage, UnknownImport, UnknownStream
from vessel.states import ImportStatus


def find_import(reference: str) -> Import:
    """Finds an import. Raises `UnknownImport`."""
    subject = Import.objects.filter(reference=reference).first()
    if subject is None:
        raise UnknownImport(f"there is no import {reference}")
    return subject


def report(subject: Import) -> ImportReport:
    """Tells how an import stands; before it is closed, its problem is why it waits for another try."""
    return ImportReport(
        reference=subject.reference,
        status=ImportStatus(subject.status),
        version=str(subject.version_id) if subject.status == ImportStatus.PUBLISHED else "",
        problem=subject.problem,
        is_infrastructure_problem=subject.is_infrastructure_problem,
        updated_at=subject.updated_at,
        removed=tuple(subject.removed),
    )


def version_of(*, channel: str, stream: str) -> Version:
    """Finds the version that a stream points to. Raises `UnknownStream`."""
    pointer = Stream.objects.named(channel, stream).select_related("version").first()
    if pointer is None or pointer.version is None:
        raise UnknownStream(f"there is no stream {channel}/{stream}")
    return pointer.version


def packages(version: Version, *, architecture: str, source_names: Collection[str] = ()) -> list[PublishedPackage]:
    """Lists what a version holds for one architecture, by name; of some sources only where these are named."""
    of_source = {"stone__source_name__in": sorted(source_names)} if source_names else {}
    rows = (
        Membership.objects.of(version)
        .filter(architecture=architecture, **of_source)
        .order_by("name")
        .values_list(
            "name",
            "stone__source_name",
            "stone__version",
            "stone__release",
            "stone__build_release",
            "stone__provides",
            "stone__depends",
        )
    )
    known: dict[str, Capability | None] = {}

    def read(texts: list[str]) -> set[Capability]:
        for text in texts:
            if text not in known:
                known[text] = _parse(text)
        return {capability for text in texts if (capability := known[text])}

    return [
        PublishedPackage(
            name=name,
            source_name=source_name,
            version=version_text,
            release=release,
            build_release=build_release,
            architecture=architecture,
            provides=frozenset(read(provides) | {Capability.name(name)}),
            depends=frozenset(read(depends)),
        )
        for name, source_name, version_text, release, build_release, provides, depends in rows
    ]


def _parse(text: str) -> Capability | None:
    try:
        return Capability.parse(text)
    except FormatError:  # an empty target, which a stone can hold and nobody can ask for
        return None
