"""Stones, channels and imports for tests: real files, written by our own writer, published by the real publisher."""

import shutil
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.stone.meta import Meta
from serpent_infra.formats.stone.package import read_package
from serpent_infra.formats.stone.scan import scan
from serpent_infra.formats.stone.writer import write_package
from serpent_infra.wire.reports import ArtefactInfo, ArtefactKind
from vessel import intake, pool
from vessel.models import Import, Stream
from vessel.orders import Expected, ImportOrder
from vessel.publish import begin_stream

AT = datetime(2026, 1, 1, tzinfo=UTC)

_numbers = count(1)


def make_meta(name: str = "nano", version: str = "8.4", release: int = 1, **changes: object) -> Meta:
    fields: dict[str, object] = {
        "name": name,
        "version": version,
        "release": release,
        "build_release": 1,
        "architecture": "x86_64",
        "summary": f"Summary of {name}",
        "description": f"Description of {name}",
        "source_id": name,
        "homepage": f"https://{name}.example/",
        "licenses": ("MPL-2.0",),
        "provides": frozenset({Capability.parse(f"binary({name})")}),
        "depends": frozenset({Capability.parse("soname(libc.so.6(x86_64))")}),
    }
    return Meta(**(fields | changes))  # type: ignore[arg-type]


def make_stone(directory: Path, meta: Meta | None = None, *, content: bytes | None = None) -> Path:
    """Writes a stone with one file into `directory`, under the name that its metadata gives it."""
    meta = meta or make_meta()
    path = directory / meta.file_name
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "file"
        source.write_bytes(content if content is not None else f"{meta.package_id}\n".encode())
        source.chmod(0o755)
        write_package(path, meta, [scan(source, f"bin/{meta.name}")], workers=1)
    return path


def artefact(path: Path) -> ArtefactInfo:
    """Says of a file what an honest builder would."""
    return ArtefactInfo(
        kind=ArtefactKind.PACKAGE, name=path.name, size=path.stat().st_size, sha256=pool.hash_file(path)
    )


def make_order(paths: Iterable[Path], *, trusted: bool = True, **changes: object) -> ImportOrder:
    """Orders stones of one source, expecting of them what the first says."""
    paths = list(paths)
    metas = [read_package(path).meta for path in paths]
    meta = metas[0]
    number = next(_numbers)
    fields: dict[str, object] = {
        "reference": f"test-{number}",
        "channel": "main",
        "stream": "volatile",
        "base_uri": "http://127.0.0.1:1/artefacts/",
        "audience": "embedded",
        "files": tuple(artefact(path) for path in paths),
        "expected": Expected(
            source_name=meta.source_id,
            version=meta.version,
            release=meta.release,
            build_release=meta.build_release,
            architecture=meta.architecture,
            package_names=tuple(sorted({one.name for one in metas})),
            trusted=trusted,
        ),
        "provenance": {"builder": "embedded", "task": f"build {number}"},
    }
    return ImportOrder(**(fields | changes))  # type: ignore[arg-type]


def make_stream(channel: str = "main", stream: str = "volatile", *, official: bool = True, at: datetime = AT) -> Stream:
    return begin_stream(channel=channel, stream=stream, architectures=("x86_64",), official=official, at=at)


def bring_in(paths: Iterable[Path], *, at: datetime = AT, trusted: bool = True, **changes: object) -> Import:
    """Imports stones of one source as if they had just been fetched: they are verified, stored and published."""
    paths = list(paths)
    order = make_order(paths, trusted=trusted, **changes)
    intake.request(order=order, reply_to="test.settle", at=at)
    subject = Import.objects.get(reference=order.reference)
    if subject.is_open:
        subject.start(at=at)
        directory = intake.import_dir(subject)
        directory.mkdir(parents=True)
        for path in paths:
            shutil.copy(path, directory)
        subject.verify(at=at)
        intake.process(reference=order.reference, clock=lambda: at)
        subject.refresh_from_db()
    return subject


def later(seconds: float) -> datetime:
    """Gives a moment so many seconds after `AT`."""
    return AT + timedelta(seconds=seconds)
