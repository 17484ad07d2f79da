"""One refresh of one repository: fetch, compare, read, keep; a commit is recorded together with what was read of it."""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction

from serpent_infra.git import Changes, CommitInfo, GitError, Mirror
from summit import doorbell
from summit.models import Profile, Recipe, Repository
from summit.refresh.reading import Reading, read
from summit.refresh.storing import Stored, store
from summit.states import IllegalTransition

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a refresh brought; `error` is the sentence that the repository's page shows."""

    commit: str = ""
    read: int = 0
    broken: int = 0
    removed: int = 0
    error: str = ""
    is_busy: bool = False


def mirror_of(repository: Repository) -> Mirror:
    """Gives the hub's mirror of a repository."""
    return Mirror.under(Path(settings.SERPENT_MIRRORS_DIR), repository.origin_uri)


def refresh_repository(repository: Repository, *, at: datetime, everything: bool = False) -> Outcome:
    """Brings a repository's recipes up to date; `everything` reads unchanged recipes again, too.

    Any number of processes may try: one of them does it. Whatever stops a refresh is kept as the repository's error,
    and the next refresh begins where the last good one ended.
    """
    with _alone(repository) as is_alone:
        if not is_alone:
            return Outcome(is_busy=True)
        repository.begin_refresh(at=at)
        try:
            return _refresh(repository, at=at, everything=everything)
        except GitError as error:
            repository.fail_refresh(at=at, error=str(error))
            return Outcome(error=str(error))
        except IllegalTransition as taken_over:
            return Outcome(error=str(taken_over), is_busy=True)
        except Exception as error:
            log.exception("the refresh of %s failed", repository.slug)
            repository.fail_refresh(at=at, error=f"the refresh failed inside: {type(error).__name__}")
            raise


def _refresh(repository: Repository, *, at: datetime, everything: bool) -> Outcome:
    mirror = mirror_of(repository)
    mirror.fetch(timeout=settings.SERPENT_GIT_TIMEOUT)
    new = mirror.resolve(repository.branch)
    old = "" if everything else repository.commit
    if new == old:
        repository.finish_refresh(at=at)
        return Outcome(commit=new)
    changes = _changes(repository, mirror, old=old, new=new)
    readings = [read(mirror, entry) for entry in changes.changed.values()]
    commits = _commits(mirror, readings, old=old, new=new)
    head = mirror.commit_info(new)
    with transaction.atomic():
        stored = store(repository, readings, changes.removed, commits, at=at)
        repository.finish_refresh(
            at=at,
            commit=new,
            commit_subject=head.subject[:200],
            commit_at=head.committed_at,
            readme=mirror.readme(new),
        )
        _request_plans(repository, stored, at=at)
    return Outcome(commit=new, read=stored.read, broken=stored.broken, removed=stored.removed)


def _changes(repository: Repository, mirror: Mirror, *, old: str, new: str) -> Changes:
    """Compares with the last good commit; where there is none any more, with the rows."""
    if old and mirror.has(old):
        return mirror.changed(old, new)
    found = {entry.path: entry for entry in mirror.recipes(new)}
    paths = Recipe.objects.existing().filter(repository=repository).values_list("path", flat=True)
    return Changes(changed=found, removed=frozenset(paths) - found.keys())


def _commits(mirror: Mirror, readings: list[Reading], *, old: str, new: str) -> dict[str, CommitInfo]:
    """Names for each path the commit that changed it last; the newest where the history does not say."""
    paths = {reading.entry.path for reading in readings}
    found = mirror.latest_changes(new=new, old=old or None, paths=paths) if paths else {}
    infos = {commit: mirror.commit_info(commit) for commit in {new, *found.values()}}
    return {path: infos[found.get(path, new)] for path in paths}


def _request_plans(repository: Repository, stored: Stored, *, at: datetime) -> None:
    if not (stored.read or stored.removed):
        return
    profiles = Profile.objects.filter(project=repository.project_id)
    profiles.request_plan(at=at)
    for profile in profiles.order_by("pk"):
        doorbell.ring(doorbell.PLAN, profile=profile.pk)


@contextmanager
def _alone(repository: Repository) -> Iterator[bool]:
    """Holds the repository's lock file: a process that dies lets go of it, so that no refresh is ever stuck."""
    place = Path(settings.SERPENT_MIRRORS_DIR)
    place.mkdir(parents=True, exist_ok=True)
    with (place / f".refresh-{repository.pk}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
