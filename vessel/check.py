"""Reads back what is published: every index against the rows, every file of the pool against its hash."""

from collections.abc import Iterator
from pathlib import Path

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.index import read_index
from serpent_infra.formats.root_index import FILE_NAME, decode_root_index, index_path
from vessel import pool, tree
from vessel.models import Channel, Membership, Stone, Stream, Version


def findings(channel: Channel) -> Iterator[str]:
    """Gives one sentence for everything about a channel's tree that is not as its rows say."""
    base = tree.channel_dir(channel.name)
    yield from _check_pointers(channel, base)
    for version in Version.objects.filter(channel=channel).kept():
        yield from _check_version(version, base)
    yield from _check_pool(channel, base)


def _check_pointers(channel: Channel, base: Path) -> Iterator[str]:
    for version in Version.objects.filter(channel=channel).incomplete():
        yield f"version {version} was begun and never finished"
    try:
        written = decode_root_index((base / FILE_NAME).read_bytes(), path=FILE_NAME)
    except (OSError, FormatError) as error:
        yield f"the root index cannot be read: {error}"
        return
    if written != tree.root_index(channel):
        yield "the root index is not what the rows say"
    for stream in Stream.objects.filter(channel=channel, version__isnull=False):
        target = (base / tree.STREAMS / stream.name).resolve()
        if target != (base / tree.HISTORY / str(stream.version_id)).resolve():
            yield f"stream {stream.name} leads to {target.name} instead of {stream.version_id}"


def _check_version(version: Version, base: Path) -> Iterator[str]:
    members = Membership.objects.of(version).values_list(
        "architecture", "name", "stone__sha256", "stone__size", "stone__pool_path"
    )
    expected: dict[str, dict[str, tuple[str, int, str]]] = {architecture: {} for architecture in version.architectures}
    for architecture, name, sha256, size, path in members:
        expected.setdefault(architecture, {})[name] = (sha256, size, f"../../../{path}")
    for architecture, packages in expected.items():
        path = index_path(str(version), architecture)
        try:
            metas = read_index(base / path)
        except (OSError, FormatError) as error:
            yield f"{path} cannot be read: {error}"
            continue
        found = {meta.name: (meta.hash or "", meta.size or 0, meta.uri or "") for meta in metas}
        if [(meta.source_id, meta.name) for meta in metas] != sorted((meta.source_id, meta.name) for meta in metas):
            yield f"{path} is not sorted by source and name"
        for name in sorted(found.keys() | packages.keys()):
            if found.get(name) != packages.get(name):
                yield f"{path}: {name} is {found.get(name)}, the rows say {packages.get(name)}"


def _check_pool(channel: Channel, base: Path) -> Iterator[str]:
    stored = dict(Stone.objects.filter(channel=channel).stored().values_list("pool_path", "sha256"))
    for path, sha256 in stored.items():
        try:
            found = pool.hash_file(base / path)
        except OSError as error:
            yield f"{path} cannot be read: {error.strerror}"
        else:
            if found != sha256:
                yield f"{path} has sha256 {found}, the rows say {sha256}"
    for file in sorted((base / "pool").rglob("*")):
        path = str(file.relative_to(base))
        # Hidden names are of writers at work, or killed at it: prune clears those, and nobody is served them.
        if file.is_file() and not file.name.startswith(".") and path not in stored:
            yield f"{path} is in the pool and in no row"
