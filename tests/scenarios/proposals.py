"""A proposal out of a git repository of its own: text, manifests, and what is no text."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.manifest import encode_manifest
from serpent_infra.formats.stone.meta import Meta
from summit import planning
from summit.models import BuildTask, Profile, Project, Repository, Submission
from summit.refresh import refresh_repository
from summit.states import TaskStatus
from tests.factories.summit import GitTree, make_profile, recipe_text
from tests.factories.vessel import make_meta

_BUILD = "build: |\n    %meson -Dtests={tests}\n    %meson_build\n"


def make_proposal(directory: Path, at: datetime) -> Submission:
    """Makes a project with one repository below `directory`, has its recipe built, and proposes its next release."""
    project = Project.objects.create(slug="proposals", title="Proposals")
    profile = make_profile(project, channel="proposals")
    tree = GitTree(directory / "origin")
    repository = Repository.objects.create(
        project=project, slug="main", origin_uri=str(tree.path), branch="main", needs_review=True
    )
    meta = make_meta("libgreet", "1.0", 1, provides=frozenset({Capability.parse("soname(libgreet.so.1(x86_64))")}))
    _commit(tree, meta, build=_BUILD.format(tests="true"), patch="-old\n+new\n")
    _plan(repository, profile, at=at)
    BuildTask.objects.filter(profile=profile).update(status=TaskStatus.COMPLETED, ended_at=at)
    tree.write("l/libgreet/pkg/logo.png", b"\x89PNG\0" * 700)
    tree.write("l/libgreet/pkg/sources.txt", b"https://example.org/libgreet\n" * 30_000)
    tree.write("l/libgreet/pkg/odd.sh", "echo safe # \u202e eruces\n")
    moved = frozenset({Capability.parse("soname(libgreet.so.2(x86_64))")})
    newer = replace(meta, version="2.0", release=2, provides=moved)
    _commit(tree, newer, build=_BUILD.format(tests="false"), patch="-old\n+newer\n")
    _plan(repository, profile, at=at)
    return Submission.objects.filter(repository=repository).latest("pk")


def _commit(tree: GitTree, meta: Meta, *, build: str, patch: str) -> None:
    text = recipe_text(meta.name, version=meta.version, release=meta.release, builddeps=["binary(meson)"])
    tree.write("l/libgreet/stone.yaml", text + build)
    tree.write("l/libgreet/pkg/greeting.patch", f"--- a/greet.c\n+++ b/greet.c\n@@ -1 +1 @@\n{patch}")
    packages = [meta, replace(meta, name=f"{meta.name}-devel", provides=frozenset())]
    tree.write("l/libgreet/manifest.x86_64.bin", encode_manifest(packages[: meta.release]))
    tree.commit(f"libgreet: Update to {meta.version}\n\nThe greeting is warmer now.\n")


def _plan(repository: Repository, profile: Profile, *, at: datetime) -> None:
    refresh_repository(repository, at=at)
    planning.plan(profile, at=at)
