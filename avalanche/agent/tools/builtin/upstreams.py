"""The upstream files and repositories of a recipe, put into the build root's source directory."""

import re
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from avalanche.agent.tools.builtin.download import DownloadFailed, FileCache, WrongHash
from avalanche.agent.tools.protocol import BuildFailed, Job
from serpent_infra.formats.recipe import Archive, Git, Recipe
from serpent_infra.git import GitError, Mirror
from serpent_infra.wire.names import COMMIT_PATTERN
from serpent_infra.wire.reports import FailureKind

CACHE_LIMIT = 20 * 2**30


def gather(job: Job, recipe: Recipe, source_dir: Path) -> None:
    """Fills `source_dir`; raises `BuildFailed` for an upstream that cannot be had or is not what is pinned."""
    cache = FileCache(job.means.cache_dir / "upstreams", limit=CACHE_LIMIT)
    for upstream in recipe.upstreams:
        job.watch.check()
        job.journal.say(f"    {upstream.uri}")
        match upstream:
            case Archive():
                shutil.copyfile(_archive(job, cache, upstream), source_dir / upstream.file_name)
            case Git():
                _check_out(job, upstream, source_dir / upstream.file_name)


def _archive(job: Job, cache: FileCache, upstream: Archive) -> Path:
    """Asks our own cache, then the source cache, then the upstream site."""
    try:
        if not cache.holds(upstream.sha256) and (stored := _stored_at(job.means.source_cache, upstream.sha256)):
            try:
                return cache.get(stored, upstream.sha256, check=job.watch.check)
            except DownloadFailed:
                pass  # not stored: the upstream site has it
            except WrongHash as error:
                job.journal.say(f"    the source cache is wrong: {error}")
        if urlsplit(upstream.uri).scheme not in {"http", "https"} and not cache.holds(upstream.sha256):
            message = f"The upstream {upstream.uri} is no http or https address, and not in the source cache"
            raise BuildFailed(FailureKind.FETCH, message)
        return cache.get(upstream.uri, upstream.sha256, check=job.watch.check)
    except DownloadFailed as error:
        raise BuildFailed(FailureKind.FETCH, f"An upstream cannot be had: {error}") from error
    except WrongHash as error:
        message = f"The upstream {upstream.uri} has the sha256 {error.actual}; the recipe pins {error.expected}"
        raise BuildFailed(FailureKind.HASH_MISMATCH, message) from error


def _stored_at(source_cache: str, sha256: str) -> str:
    """Gives the URI of a file in the source cache, "" where there is none."""
    if not source_cache:
        return ""
    if source_cache.startswith(("http://", "https://")):
        return f"{source_cache.rstrip('/')}/{sha256}"
    path = Path(source_cache).resolve() / sha256
    return path.as_uri() if path.is_file() else ""


def _check_out(job: Job, upstream: Git, destination: Path) -> None:
    if urlsplit(upstream.uri).scheme not in {"http", "https", "git", "ssh"}:
        raise BuildFailed(FailureKind.FETCH, f"The upstream {upstream.uri} is no address of a git server")
    mirror = Mirror.under(job.means.cache_dir / "mirrors", upstream.uri)
    is_pinned = re.match(COMMIT_PATTERN, upstream.ref) is not None
    try:
        if not (is_pinned and mirror.path.exists() and mirror.has(upstream.ref)):
            mirror.fetch(timeout=job.means.git_timeout)
        mirror.export(upstream.ref if is_pinned else mirror.resolve(upstream.ref), "", destination)
    except GitError as error:
        raise BuildFailed(FailureKind.FETCH, f"An upstream cannot be had: {error}") from error
