"""The build dependencies of a recipe, found in the indexes of the order's remotes, fetched and unpacked."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from avalanche.agent.tools.builtin.base_image import BaseImage
from avalanche.agent.tools.builtin.download import DownloadFailed, FileCache, WrongHash, download
from avalanche.agent.tools.builtin.resolve import Candidate, Resolution, resolve
from avalanche.agent.tools.protocol import BuildFailed, Job
from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.index import read_index
from serpent_infra.formats.stone.extract import extract
from serpent_infra.wire.orders import RemoteIndex
from serpent_infra.wire.reports import FailureKind

STONE_CACHE_LIMIT = 20 * 2**30
_INDEX_CACHE_FILES = 64


def find(job: Job, wanted: tuple[str, ...]) -> Resolution:
    """Finds the packages that a build needs; raises `BuildFailed` naming what is missing and who needs it."""
    asked = [(_parse(text), "the recipe") for text in wanted]
    candidates = [candidate for remote in job.order.remotes for candidate in _candidates(job, remote)]
    resolution = resolve(asked, candidates, BaseImage(job.means.base_image).provides)
    if resolution.missing:
        sentences = "; ".join(str(missing) for missing in resolution.missing)
        places = ", ".join([*(remote.name for remote in job.order.remotes), "base image"])
        raise BuildFailed(
            FailureKind.DEPENDENCY, f"Nothing provides {sentences} (looked in: {places})", phase="dependencies"
        )
    return resolution


def fetch(job: Job, resolution: Resolution) -> dict[str, Path]:
    """Fetches the stones that a resolution chose, each verified; gives their files by hash."""
    cache = FileCache(job.means.cache_dir / "stones", limit=STONE_CACHE_LIMIT)
    files = {}
    for candidate in resolution.packages:
        try:
            files[candidate.sha256] = cache.get(candidate.uri, candidate.sha256, check=job.watch.check)
        except (DownloadFailed, WrongHash) as error:
            message = f"The build dependency {candidate.meta.package_id} cannot be had: {error}"
            raise BuildFailed(FailureKind.DEPENDENCY, message, phase="dependencies") from error
    return files


def unpack(job: Job, resolution: Resolution, files: dict[str, Path], usr: Path) -> None:
    """Unpacks the fetched stones into `usr`, in the order of their names."""
    for candidate in resolution.packages:
        job.watch.check()
        try:
            extract(files[candidate.sha256], usr, replace=True)
        except FormatError as error:
            message = f"The build dependency {candidate.meta.package_id} cannot be unpacked: {error}"
            raise BuildFailed(FailureKind.DEPENDENCY, message, phase="dependencies") from error


def _parse(text: str) -> Capability:
    try:
        return Capability.parse(text)
    except FormatError as error:
        raise BuildFailed(FailureKind.RECIPE, f"A build dependency is malformed: {error}") from error


def _candidates(job: Job, remote: RemoteIndex) -> Iterator[Candidate]:
    path = _index(job, remote)
    try:
        metas = read_index(path, strict=False)
    except FormatError as error:
        path.unlink(missing_ok=True)
        message = f"The index of {remote.name} cannot be read: {error}"
        raise BuildFailed(FailureKind.HUB, message, phase="dependencies") from error
    for meta in metas:
        if meta.uri and meta.hash:
            uri = urljoin(remote.index_uri, meta.uri)
            # An index speaks for its own server only, and never names a file of this machine.
            if urlsplit(uri).scheme == urlsplit(remote.index_uri).scheme:
                yield Candidate(meta=meta, priority=remote.priority, uri=uri, sha256=meta.hash)


def _index(job: Job, remote: RemoteIndex) -> Path:
    """Gives the index's file; one below a `history` path never changes and is fetched once."""
    directory = job.means.cache_dir / "indexes"
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / hashlib.sha256(remote.index_uri.encode()).hexdigest()
    if "/history/" in remote.index_uri and path.exists():
        return path
    fresh = directory / f".{path.name}.{job.order.attempt.hex}"
    try:
        download(remote.index_uri, fresh, check=job.watch.check)
        fresh.replace(path)
    except DownloadFailed as error:
        message = f"The index of {remote.name} cannot be had: {error}"
        raise BuildFailed(FailureKind.HUB, message, phase="dependencies") from error
    finally:
        fresh.unlink(missing_ok=True)
    old = sorted(directory.glob("[0-9a-f]*"), key=lambda file: file.stat().st_mtime)
    for file in old[:-_INDEX_CACHE_FILES]:
        file.unlink(missing_ok=True)
    return path
