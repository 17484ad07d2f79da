"""Makes projects, recipes and tasks as tests need them, all at the same hour; and git repositories of recipes."""

import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from textwrap import dedent

from serpent_infra.accounts.models import User
from serpent_infra.formats.dependency import Capability
from summit.models import (
    BuildTask,
    Dependency,
    Profile,
    Project,
    Provider,
    Recipe,
    Repository,
    Submission,
)
from summit.needs import Usage
from summit.states import CLOSED, SubmissionStatus, TaskStatus

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
_numbers = count(1)


def make_user(username: str = "ada", **facts: object) -> User:
    return User.objects.create_user(username=username, email=f"{username}@example.org", password="x", **facts)


def make_project(slug: str = "main", **facts: object) -> Project:
    return Project.objects.create(**({"slug": slug, "title": slug.title()} | facts))


def make_profile(project: Project | None = None, **facts: object) -> Profile:
    values = {"project": project or make_project(), "name": "x86_64", "channel": "main", "stream": "volatile"}
    return Profile.objects.create(**(values | facts))


def make_repository(project: Project, **facts: object) -> Repository:
    values = {"project": project, "slug": "recipes", "origin_uri": "https://git.example/recipes.git"}
    return Repository.objects.create(**(values | facts))


def make_recipe(
    repository: Repository,
    name: str,
    *,
    provides: Iterable[str] = (),
    needs: Iterable[str] = (),
    run: Iterable[str] = (),
    manifest: bool = True,
    **facts: object,
) -> Recipe:
    """Makes a recipe with one package of its name; capabilities are given as text."""
    values = {
        "repository": repository,
        "path": f"{name}/stone.yaml",
        "name": name,
        "version": "1.0",
        "release": 1,
        "commit": f"{next(_numbers):040x}",
        "commit_subject": f"Add {name}",
        "author_name": "Ada",
        "author_email": "ada@example.org",
        "changed_at": AT,
        "manifests": ["x86_64"] if manifest else [],
        "package_names": [name, f"{name}-devel"],
    }
    recipe = Recipe.objects.create(**(values | facts))
    architecture = "x86_64" if manifest else ""
    for text in (name, *provides):
        capability = Capability.parse(text)
        recipe.providers.create(kind=capability.kind, target=capability.target, package=name, architecture=architecture)
    for usage, texts in ((Usage.BUILD, needs), (Usage.RUN, run)):
        for text in texts:
            capability = Capability.parse(text)
            Dependency.objects.create(recipe=recipe, kind=capability.kind, target=capability.target, usage=usage.value)
    return recipe


def make_task(recipe: Recipe, profile: Profile, status: TaskStatus = TaskStatus.QUEUED, **facts: object) -> BuildTask:
    submission, _ = Submission.objects.get_or_create(
        repository=recipe.repository,
        commit=recipe.commit,
        purpose=profile.purpose,
        defaults={"status": SubmissionStatus.ACCEPTED, "created_at": AT, "title": recipe.commit_subject},
    )
    values = {
        "submission": submission,
        "recipe": recipe,
        "profile": profile,
        "commit": recipe.commit,
        "recipe_path": recipe.path,
        "source_name": recipe.name,
        "version": recipe.version,
        "release": recipe.release,
        "architecture": profile.architecture,
        "package_names": recipe.package_names,
        "estimate_seconds": 60.0,
        "status": status,
        "block_reason": "missing" if status == TaskStatus.BLOCKED else "",
        "created_at": AT,
        "updated_at": AT,
        "ended_at": AT if status in CLOSED else None,
    }
    return BuildTask.objects.create(**(values | facts))


def release_again(recipe: Recipe, **facts: object) -> Recipe:
    """Raises a recipe's release at a new commit, as a push would."""
    values = {"release": recipe.release + 1, "commit": f"{next(_numbers):040x}", **facts}
    Recipe.objects.filter(pk=recipe.pk).update(**values)
    recipe.refresh_from_db()
    return recipe


def provided(recipe: Recipe) -> set[str]:
    return {str(row.capability) for row in Provider.objects.filter(recipe=recipe)}


# Git


class GitTree:
    """A git repository that a test writes recipes into and commits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false")
        done = subprocess.run(["git", *identity, *arguments], cwd=self.path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def write(self, path: str, content: str | bytes) -> None:
        place = self.path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            place.write_bytes(content)
        else:
            place.write_text(content)

    def commit(self, message: str = "Change") -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")


def recipe_text(name: str, *, version: str = "1.0", release: int = 1, builddeps: Iterable[str] = ()) -> str:
    text = dedent(f"""\
        name: {name}
        version: "{version}"
        release: {release}
        homepage: https://example.org/{name}
        license: MPL-2.0
        summary: The {name} thing
        description: A longer word about {name}.
    """)
    if builddeps := list(builddeps):
        text += "builddeps:\n" + "".join(f"    - {dependency}\n" for dependency in builddeps)
    return text
