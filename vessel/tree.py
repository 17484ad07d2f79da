"""The published tree of a channel, a function of its rows: write a version's indexes, switch all pointers at once.

Below a channel's directory lie `pool/`, `history/<version>/<arch>/stone.index`, and what clients start from: the root
index, its compressed twin and `stream/<name>`. The latter three are links through one link, `.current`, to a directory
that never changes once it is made (named by the hash of its root index); renaming a new `.current` over the old one
moves them together, so that no reader can see two of them disagree.
"""

import hashlib
import os
import shutil
import time
from collections import defaultdict
from pathlib import Path

from backports import zstd
from django.conf import settings

from serpent_infra.formats.index import write_index
from serpent_infra.formats.root_index import FILE_NAME, LATEST_FORMAT, Pointer, RootIndex, encode_root_index, index_path
from vessel import disk
from vessel.models import Channel, Membership, Stream, Tag, Version

CURRENT = ".current"
GENERATIONS = ".generations"
STREAMS = "stream"
HISTORY = "history"
INDEX_FILE = "stone.index"
BASE_ARCHITECTURE = "x86_64"  # whose index is always there, even when it is empty
ZSTD_LEVEL = 3
LINGER_SECONDS = 3600  # that a former generation stays for readers in the middle of it

_FACES = (FILE_NAME, f"{FILE_NAME}.zst", STREAMS)


def channel_dir(channel: str) -> Path:
    """Gives the directory of a channel's tree."""
    return Path(settings.SERPENT_PUBLIC_DIR) / channel


def index_uri(*, channel: str, version: str, architecture: str) -> str:
    """Gives the public address of a version's index."""
    return f"{settings.SERPENT_REPOSITORY_URL}/{channel}/{index_path(version, architecture)}"


def write_history(version: Version) -> None:
    """Writes the indexes of a version: the ready-made records of its stones, one after the other.

    The version's directory appears whole; one that is there already is left alone. Raises `OSError`.
    """
    history = channel_dir(version.channel.name) / HISTORY
    target = history / str(version.pk)
    if target.exists():
        return
    disk.make_directory(history)
    fresh = disk.temporary_name(target)
    try:
        records = index_records(version)
        for architecture in version.architectures:
            directory = fresh / architecture
            directory.mkdir(parents=True)
            with (directory / INDEX_FILE).open("xb") as output:
                write_index(output, records.get(architecture, []))
                output.flush()
                os.fchmod(output.fileno(), disk.FILE_MODE)
                os.fsync(output.fileno())
            disk.sync_directory(directory)
        disk.sync_directory(fresh)
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    disk.sync_directory(history)


def index_records(version: Version) -> dict[str, list[bytes]]:
    """Reads a version's ready-made index records, by architecture, sorted by source and name."""
    rows = (
        Membership.objects.of(version)
        .values_list("architecture", "stone__source_name", "name", "stone__index_record")
        .iterator(chunk_size=2000)
    )
    records = defaultdict(list)
    for architecture, _source, _name, record in sorted(rows, key=lambda row: row[:3]):
        records[architecture].append(bytes(record))
    return records


def root_index(channel: Channel) -> RootIndex:
    """Says what a channel's root index is to say now: kept versions newest first, streams and tags by name."""
    kept = Version.objects.filter(channel=channel).kept().values_list("pk", flat=True)
    streams = Stream.objects.filter(channel=channel, version__isnull=False).by_name()
    tags = Tag.objects.filter(channel=channel).order_by("name")
    return RootIndex(
        streams={stream.name: Pointer(str(stream.version_id)) for stream in streams},
        tags={tag.name: Pointer(str(tag.version_id)) for tag in tags},
        history={str(identifier): LATEST_FORMAT for identifier in kept},
    )


def switch(channel: Channel) -> bool:
    """Makes the tree point where the rows do; says whether anything had to move. Raises `OSError`."""
    index = root_index(channel)
    data = encode_root_index(index)
    base = channel_dir(channel.name)
    disk.make_directory(base)
    generation = f"{GENERATIONS}/{hashlib.sha256(data).hexdigest()[:32]}"
    is_switched = _link_text(base / CURRENT) == generation and (base / generation).is_dir()
    if not is_switched:
        _make_generation(base / generation, data, index)
        disk.switch_symlink(base / CURRENT, generation)
    for name in _FACES:
        if _link_text(base / name) != f"{CURRENT}/{name}":
            disk.switch_symlink(base / name, f"{CURRENT}/{name}")
            is_switched = False
    return not is_switched


def _make_generation(target: Path, data: bytes, index: RootIndex) -> None:
    if target.exists():
        os.utime(target)  # its time to linger begins anew
        return
    disk.make_directory(target.parent)
    fresh = disk.temporary_name(target)
    try:
        streams = fresh / STREAMS
        streams.mkdir(parents=True)
        for name, pointer in index.streams.items():
            (streams / name).symlink_to(f"../../../{HISTORY}/{pointer.history}")
        disk.sync_directory(streams)
        disk.write_file(fresh / FILE_NAME, lambda output: output.write(data))
        compressed = zstd.compress(data, ZSTD_LEVEL)
        disk.write_file(fresh / f"{FILE_NAME}.zst", lambda output: output.write(compressed))
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    disk.sync_directory(target.parent)


def missing_histories(channel: Channel) -> list[Version]:
    """Lists the kept versions of a channel whose directory is not on disk, which only damage explains."""
    history = channel_dir(channel.name) / HISTORY
    present = {entry.name for entry in os.scandir(history)} if history.is_dir() else set()
    return [
        version
        for version in Version.objects.filter(channel=channel).kept().select_related("channel")
        if str(version.pk) not in present
    ]


def clear_leftovers(channel: Channel) -> None:
    """Removes former generations, and what crashed writers left, once no reader can be in the middle of them."""
    base = channel_dir(channel.name)
    current = _link_text(base / CURRENT)
    before = time.time() - LINGER_SECONDS
    generations = base / GENERATIONS
    leftovers = [*base.glob(".*"), *base.glob(f"{HISTORY}/.*"), *base.glob("pool/**/.*")]
    leftovers = [path for path in leftovers if path.name not in {CURRENT, GENERATIONS}]
    for path in [*generations.glob("*"), *leftovers]:
        if f"{GENERATIONS}/{path.name}" != current and path.lstat().st_mtime < before:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _link_text(path: Path) -> str | None:
    return str(path.readlink()) if path.is_symlink() else None
