"""An import from its order to its publication: fetch, verify, store, hand over to the publisher.

`process` may be called again at any point, by the same ring repeated or by a sweep after a crash: it goes on from the
state the row is in. Faults of what was built refuse the import; faults of disk and network defer it.
"""

import logging
import os
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
from django.conf import settings
from django.db import transaction

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.index import encode_entry
from serpent_infra.formats.root_index import package_uri, pool_path
from serpent_infra.formats.stone.meta import Meta
from serpent_infra.wire.names import is_file_name
from serpent_infra.wire.reports import ArtefactInfo, ArtefactKind
from serpent_infra.wire.tokens import load_or_create_key
from vessel import doorbell, pool
from vessel.fetch import Fetcher, FetchFailed, FetchRefused
from vessel.locks import Busy, channel_lock, import_lock
from vessel.models import Channel, Import, Stone, Stream
from vessel.orders import ImportOrder, UnknownStream
from vessel.publish import publish_ready
from vessel.states import ImportStatus
from vessel.tree import channel_dir
from vessel.verify import StoneRefused, verify_stone

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]


def request(*, order: ImportOrder, reply_to: str, at: datetime) -> None:
    """Commits an import and rings for it; an order that can never be published is refused at once.

    Raises `UnknownStream`.
    """
    stream = Stream.objects.named(order.channel, order.stream).select_related("channel").first()
    if stream is None:
        raise UnknownStream(f"there is no stream {order.channel}/{order.stream}")
    with transaction.atomic():
        subject, is_new = Import.request(
            reference=order.reference, reply_to=reply_to, stream=stream, order=msgspec.to_builtins(order), at=at
        )
        if not is_new:
            return
        problem = _flaw(order, stream)
        if problem:
            subject.refuse(problem=problem, at=at)
            doorbell.ring(reply_to, reference=order.reference)
        else:
            doorbell.ring(doorbell.IMPORT, reference=order.reference)


def _flaw(order: ImportOrder, stream: Stream) -> str:
    packages = packages_of(order)
    names = [artefact.name for artefact in packages]
    strange = [name for name in names if not is_file_name(name)]
    if not packages:
        return "the order names no package"
    if strange:
        return f"{strange[0]!r} is no name for a file"
    if len(set(names)) < len(names):
        return "the order names a file twice"
    if stream.channel.is_official and not order.expected.trusted:
        return f"channel {stream.channel} is official: it takes what official builders built for it only"
    return ""


def packages_of(order: ImportOrder) -> list[ArtefactInfo]:
    """Lists the files of an order that are published; manifests are not."""
    return [artefact for artefact in order.files if artefact.kind is ArtefactKind.PACKAGE]


def process(*, reference: str, clock: Clock) -> None:
    """Brings an import as far as it goes now; does nothing where it is closed, unknown, or in other hands."""
    try:
        with import_lock(reference):
            subject = Import.objects.select_related("stream__channel").filter(reference=reference).first()
            if subject is not None and subject.is_open and not (subject.retry_at and subject.retry_at > clock()):
                _supervise(subject, clock)
    except Busy:
        log.info("import %s is in other hands", reference)


def _supervise(subject: Import, clock: Clock) -> None:
    """Advances an import; a fault of ours counts as one more try, so that no import is tried without an end."""
    try:
        _advance(subject, clock)
    except Exception as error:
        log.exception("import %s", subject)
        subject.refresh_from_db()
        if subject.is_in_progress and subject.version_id is None:
            subject.defer(problem=f"the hub failed: {type(error).__name__}", at=clock())
            if not subject.is_open:
                doorbell.ring(subject.reply_to, reference=subject.reference)


def _advance(subject: Import, clock: Clock) -> None:
    if subject.verified_at is None:
        _prepare(subject, clock)
    if subject.status == ImportStatus.VERIFYING:
        try:
            publish_ready(subject.stream, at=clock())  # which rings the askers of all it closes
        except (OSError, FormatError) as error:  # taken back and deferred, or complete and for the sweep
            log.warning("import %s: %s", subject, error)
        subject.refresh_from_db()
    elif not subject.is_open:
        doorbell.ring(subject.reply_to, reference=subject.reference)
    if not subject.is_open:
        shutil.rmtree(import_dir(subject), ignore_errors=True)


def _prepare(subject: Import, clock: Clock) -> None:
    """Fetches, verifies and stores; or closes the import, or puts it back."""
    if subject.status == ImportStatus.REQUESTED:
        subject.start(at=clock())
    order = msgspec.convert(subject.order, ImportOrder)
    try:
        if subject.status == ImportStatus.FETCHING:
            _fetch(order, import_dir(subject))
            subject.verify(at=clock())
        _take_in(subject, order, _verify(order, import_dir(subject)), at=clock())
    except (FetchRefused, StoneRefused, FormatError, pool.PoolConflict) as error:
        subject.refuse(problem=str(error), at=clock())
    except FetchFailed as error:
        subject.defer(problem=str(error), at=clock())
    except OSError as error:
        log.warning("import %s: %s", subject, error)
        subject.defer(problem=f"the hub's disk failed: {error.strerror or error}", at=clock())


def import_dir(subject: Import) -> Path:
    """Gives where an import's files lie while it is open."""
    return Path(settings.SERPENT_IMPORTS_DIR) / "files" / str(subject.pk)


def clear_files() -> None:
    """Removes what closed imports fetched and a crash left; the pool has its own copies."""
    files = Path(settings.SERPENT_IMPORTS_DIR) / "files"
    present = {entry.name for entry in os.scandir(files)} if files.is_dir() else set()
    if present:
        wanted = {str(pk) for pk in Import.objects.open().values_list("pk", flat=True)}
        for name in present - wanted:
            shutil.rmtree(files / name, ignore_errors=True)


def _fetch(order: ImportOrder, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    key = load_or_create_key(Path(settings.SERPENT_SECRETS_DIR) / "hub.pem")
    with Fetcher(
        base_uri=order.base_uri, audience=order.audience, key=key, most_bytes=settings.SERPENT_ARTEFACT_BYTES
    ) as fetcher:
        for artefact in packages_of(order):
            fetcher.fetch(artefact, directory)


def _verify(order: ImportOrder, directory: Path) -> list[tuple[ArtefactInfo, Meta]]:
    return [
        (artefact, verify_stone(directory / artefact.name, expected=order.expected)) for artefact in packages_of(order)
    ]


def _take_in(subject: Import, order: ImportOrder, metas: list[tuple[ArtefactInfo, Meta]], *, at: datetime) -> None:
    """Puts the stones into the pool and notes the import as verified; prune holds the same lock, so neither races."""
    channel = subject.stream.channel
    with channel_lock(channel.name):
        stones = [_store(channel, order, artefact, meta, import_dir(subject), at=at) for artefact, meta in metas]
        with transaction.atomic():
            for stone in stones:
                stone.save()
            subject.stones.set(stones)
            subject.note_verified(at=at)


def _store(
    channel: Channel, order: ImportOrder, artefact: ArtefactInfo, meta: Meta, directory: Path, *, at: datetime
) -> Stone:
    """Puts one file into the pool and gives its row, unsaved: a known one with what is new about it, or a new one."""
    stone = Stone.objects.filter(channel=channel, sha256=artefact.sha256).first()
    if stone is None:
        path, uri = pool_path(meta), package_uri(meta)
        if not Stone.objects.filter(channel=channel, pool_path=path).exists():
            _clear_stray(channel_dir(channel.name) / path, artefact)
        else:
            uri = uri.removesuffix(path) + pool.fallback_path(path, artefact.sha256)
            path = pool.fallback_path(path, artefact.sha256)
        record = encode_entry(meta, uri=uri, sha256=artefact.sha256, size=artefact.size)
        stone = Stone.describe(
            channel=channel,
            meta=meta,
            sha256=artefact.sha256,
            size=artefact.size,
            pool_path=path,
            index_record=record,
            is_trusted=order.expected.trusted,
            provenance=order.provenance,
            at=at,
        )
    elif order.expected.trusted and not stone.is_trusted:
        stone.is_trusted, stone.provenance = True, order.provenance
    stone.pruned_at = None
    pool.store(directory / artefact.name, channel_dir(channel.name) / stone.pool_path, sha256=artefact.sha256)
    return stone


def _clear_stray(place: Path, artefact: ArtefactInfo) -> None:
    """Removes another file from a place that no row claims: a process died between storing it and its row."""
    if place.exists() and pool.hash_file(place) != artefact.sha256:
        log.warning("%s is in the pool and in no row: it gives way", place)
        place.unlink()
