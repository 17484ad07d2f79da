"""Lays out a project: its profiles, its repositories, a git repository made of a tree of recipes."""

import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from guardian.shortcuts import assign_perm

from serpent_infra.git import GitError
from serpent_infra.git.commands import run_git
from summit import doorbell, planning, publishing, refresh
from summit.models import Profile, Project, Purpose, Repository

_GIT_TIMEOUT = 300
_IDENTITY = ("-c", "user.name=Serpent infrastructure", "-c", "user.email=infrastructure@localhost")
# One commit has no history to find deltas in: looking for them made the first fetch of 1,737 recipes take ten times as
# long, and the pack no smaller.
_CHEAP_PACKING = {"pack.window": "0", "pack.compression": "1"}
_FIRST_MESSAGE = "Import the recipes"


class Unfit(Exception):
    """What was given cannot be laid out; the message is a sentence."""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What became of a tree of recipes."""

    repository: Repository
    refresh: refresh.Outcome
    plans: tuple[planning.Plan, ...]


def add_project(*, slug: str, title: str = "", description: str = "") -> Project:
    """Finds or makes a project. Raises `Unfit` for a slug that is none."""
    _check_slug(slug)
    project, _ = Project.objects.get_or_create(
        slug=slug, defaults={"title": title or slug.replace("-", " ").capitalize(), "description": description}
    )
    return project


def add_profile(
    project: Project,
    *,
    name: str,
    at: datetime,
    architecture: str = "x86_64",
    channel: str = "",
    stream: str = "volatile",
    base_provides: Iterable[str] = (),
    purpose: Purpose = Purpose.OFFICIAL,
) -> Profile:
    """Finds or makes a profile and the stream it publishes to, and asks for its plan. Raises `Unfit`."""
    _check_slug(name)
    profile, is_new = Profile.objects.get_or_create(
        project=project,
        name=name,
        defaults={
            "architecture": architecture,
            "channel": channel or project.slug,
            "stream": stream,
            "base_provides": sorted(base_provides),
            "purpose": purpose,
        },
    )
    try:
        publishing.ensure_streams(profile, at=at)
    except publishing.StreamUnfit as error:
        raise Unfit(str(error)) from error
    if is_new:
        Profile.objects.filter(pk=profile.pk).request_plan(at=at)
        doorbell.ring(doorbell.PLAN, profile=profile.pk)
    return profile


def add_repository(
    project: Project,
    *,
    origin_uri: str,
    at: datetime,
    slug: str = "",
    branch: str = "main",
    description: str = "",
    needs_review: bool = False,
) -> Repository:
    """Finds or makes a repository and asks for its first refresh. Raises `Unfit` for what is no address or slug."""
    if origin_uri.startswith("-") or not origin_uri.strip() or any(character.isspace() for character in origin_uri):
        raise Unfit(f"{origin_uri!r} is no address of a git repository")
    slug = slug or _slug_of(origin_uri)
    _check_slug(slug)
    repository, is_new = Repository.objects.get_or_create(
        project=project,
        slug=slug,
        defaults={
            "origin_uri": origin_uri,
            "branch": branch,
            "description": description,
            "needs_review": needs_review,
        },
    )
    if is_new:
        repository.request_refresh(at=at)
        doorbell.ring(doorbell.REFRESH, repository=repository.pk)
    return repository


def grant(repository: Repository, *, group: str, rights: Iterable[str]) -> Group:
    """Gives a group rights on a repository: names as in `permissions.py`."""
    row, _ = Group.objects.get_or_create(name=group)
    for right in rights:
        assign_perm(f"summit.{right}", row, repository)
    return row


def make_git_repository(source: Path, destination: Path, *, message: str = _FIRST_MESSAGE) -> str:
    """Makes a git repository of a directory, or of a tar archive, of recipes and gives the commit's id.

    An existing repository at `destination` gets one more commit when the tree differs. Raises `Unfit`.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    try:
        if not (destination / ".git").exists():
            shutil.rmtree(destination, ignore_errors=True)
            run_git("init", "--quiet", "--initial-branch=main", str(destination), timeout=_GIT_TIMEOUT)
            for name, value in _CHEAP_PACKING.items():
                run_git("config", name, value, timeout=_GIT_TIMEOUT, directory=destination)
        for entry in destination.iterdir():
            if entry.name != ".git":
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        _fill(source, destination)
        run_git("add", "--all", "--force", timeout=_GIT_TIMEOUT, directory=destination)
        if run_git("status", "--porcelain", timeout=_GIT_TIMEOUT, directory=destination).strip():
            run_git(*_IDENTITY, "commit", "--quiet", "-m", message, timeout=_GIT_TIMEOUT, directory=destination)
        return run_git("rev-parse", "HEAD", timeout=_GIT_TIMEOUT, directory=destination).strip()
    except (GitError, OSError, tarfile.TarError) as error:
        raise Unfit(f"no git repository could be made of {source}: {error}") from error


def import_tree(project: Project, *, source: Path, origins_dir: Path, at: datetime, slug: str = "recipes") -> Imported:
    """Makes a git repository of a tree of recipes, registers it, reads it, and plans every profile of the project."""
    _check_slug(slug)
    origin = origins_dir / project.slug / slug
    make_git_repository(source, origin)
    repository = add_repository(project, origin_uri=str(origin), slug=slug, at=at)
    outcome = refresh.refresh_repository(repository, at=at)
    if outcome.error:
        raise Unfit(outcome.error)
    plans = tuple(planning.plan(profile, at=at) for profile in project.profiles.order_by("pk"))
    repository.refresh_from_db()
    return Imported(repository=repository, refresh=outcome, plans=plans)


def _fill(source: Path, destination: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, destination, dirs_exist_ok=True, symlinks=True, ignore=shutil.ignore_patterns(".git"))
        return
    with tempfile.TemporaryDirectory(dir=destination.parent) as aside:
        with tarfile.open(source) as archive:
            archive.extractall(aside, filter="data")
        top = Path(aside)
        entries = list(top.iterdir())
        if len(entries) == 1 and entries[0].is_dir() and not (entries[0] / "stone.yaml").exists():
            top = entries[0]
        shutil.copytree(top, destination, dirs_exist_ok=True, symlinks=True)


def _slug_of(origin_uri: str) -> str:
    last = urlsplit(origin_uri).path.rstrip("/").rpartition("/")[2].removesuffix(".git")
    return re.sub(r"[^a-z0-9_-]+", "-", last.lower()).strip("-") or "recipes"


def _check_slug(slug: str) -> None:
    try:
        validate_slug(slug)
    except ValidationError:
        raise Unfit(f"{slug!r} cannot be a name here; letters, digits, - and _ can") from None
