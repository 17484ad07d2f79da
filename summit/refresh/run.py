"""One refresh of one repository: fetch, compare, read, keep; a commit is recorded together with what was read of it."""

import fcntl
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import transaction

from serpent_infra.git import GitError, Mirror, MirrorBroken
from summit import doorbell
from summit.models import Profile, Recipe, Repository
from summit.refresh.collecting import Collected, collect
from summit.refresh.names import settle_names
from summit.refresh.packages import freed, guard_packages, hold_names, ring_the_freed
from summit.refresh.releases import keep_releases
from summit.refresh.storing import Stored, store
from summit.states import IllegalTransition

log = logging.getLogger(__name__)

MOST_WARNINGS = 100


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
    until = time.monotonic() + settings.SERPENT_GIT_TIMEOUT
    mirror = mirror_of(repository)
    mirror.fetch(timeout=until - time.monotonic(), asks_default=not repository.branch)
    new = mirror.resolve(repository.branch)
    old = "" if everything else repository.commit
    again = freed(repository)
    if new == old and not again:
        repository.finish_refresh(at=at)
        return Outcome(commit=new)
    found = _collect(repository, mirror, old=old, again=again, until=until)
    with transaction.atomic():
        hold_names(repository.project)
        guard_packages(repository, found.readings)
        stored = store(repository, found.readings, found.removed, found.commits, at=at)
        keep_releases(repository, found.releases, is_whole=found.is_whole)
        settle_names(repository.project, newcomers={row.pk for row in stored.newcomers})
        ring_the_freed(repository, at=at)
        repository.finish_refresh(
            at=at,
            commit=found.head.id,
            commit_subject=found.head.subject[:200],
            commit_at=found.head.committed_at,
            readme=found.readme,
            warnings=_warnings(repository, found, stored),
        )
        _request_plans(repository, stored, at=at)
    return Outcome(commit=found.head.id, read=stored.read, broken=stored.broken, removed=stored.removed)


def _collect(repository: Repository, mirror: Mirror, *, old: str, again: Mapping[str, str], until: float) -> Collected:
    """Reads what changed; a mirror that turns out to be broken is rebuilt, and read once more."""
    paths = Recipe.objects.existing().filter(repository=repository).values_list("path", flat=True)
    known = {*paths, *(warning["path"] for warning in repository.warnings)}
    read = partial(collect, mirror, old=old, known=known, again=again, until=until)
    try:
        return read(new=mirror.resolve(repository.branch))
    except MirrorBroken as error:
        log.warning("%s: %s; the mirror is rebuilt", repository, error)
        mirror.heal(timeout=until - time.monotonic())
        return read(new=mirror.resolve(repository.branch))


def _warnings(repository: Repository, found: Collected, stored: Stored) -> list[dict[str, str]]:
    """Adds what is new to what was said before, and drops what is gone."""
    settled = found.removed | {reading.entry.path for reading in found.readings}
    kept = [] if found.is_whole else [one for one in repository.warnings if one["path"] not in settled]
    return (kept + stored.warnings)[:MOST_WARNINGS]


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
