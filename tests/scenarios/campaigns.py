"""Campaigns in every state, over a small desktop of which all is published."""

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from django.contrib.auth.models import Group
from guardian.shortcuts import assign_perm

from serpent_infra.accounts.models import User
from serpent_infra.formats.dependency import Capability
from summit.campaigns import advance, ending, progress, starting
from summit.models import BuildTask, Campaign, CampaignKind, Profile, Project, Recipe, Repository, Submission
from summit.states import SubmissionStatus, TaskStatus
from tests.factories import vessel as stones

# name, version, what it provides, what its build needs
DESKTOP: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("libpng", "1.6.44", ("pkgconfig(libpng)", "soname(libpng16.so.16(x86_64))"), ()),
    ("freetype", "2.13.3", ("pkgconfig(freetype2)",), ("pkgconfig(libpng)", "pkgconfig(harfbuzz)")),
    ("harfbuzz", "10.1.0", ("pkgconfig(harfbuzz)",), ("pkgconfig(freetype2)", "pkgconfig(cairo)")),
    ("cairo", "1.18.2", ("pkgconfig(cairo)",), ("pkgconfig(libpng)", "pkgconfig(fontconfig)")),
    ("fontconfig", "2.15.0", ("pkgconfig(fontconfig)",), ("pkgconfig(freetype2)",)),
    ("pango", "1.54.0", ("pkgconfig(pango)",), ("pkgconfig(cairo)", "pkgconfig(harfbuzz)")),
    ("librsvg", "2.59.2", ("pkgconfig(librsvg-2.0)",), ("pkgconfig(pango)",)),
    ("gimp", "3.0.0", ("binary(gimp)",), ("pkgconfig(librsvg-2.0)", "pkgconfig(libpng)")),
    ("inkscape", "1.4", ("binary(inkscape)",), ("pkgconfig(pango)", "pkgconfig(libpng)")),
    ("foot", "1.19.0", ("binary(foot)",), ("pkgconfig(fontconfig)",)),
)


def make_campaigns(at: datetime) -> dict[str, Campaign]:
    """Makes the desktop and its campaigns, by what became of each; petra steers them."""
    petra = User.objects.get(username="petra")
    project = Project.objects.create(slug="desktop", title="Desktop")
    repository = Repository.objects.create(
        project=project, slug="recipes", origin_uri="https://git.example/desktop.git", commit="d5" * 20
    )
    assign_perm("summit.push_build", Group.objects.get(name="packagers"), repository)
    assign_perm("summit.push_build", petra, repository)
    profile = Profile.objects.create(project=project, name="x86-64", channel="desktop", stream="volatile")
    _publish(repository, at=at - timedelta(days=2))
    _history(profile, petra, at=at - timedelta(days=1))
    made = {
        "published": _begin(profile, CampaignKind.LIST, "foot librsvg", petra, at=at - timedelta(hours=9)),
        "abandoned": _begin(profile, CampaignKind.TREE, "", petra, at=at - timedelta(hours=7)),
        "ready": _begin(profile, CampaignKind.RECIPE, "libpng", petra, at=at - timedelta(hours=5)),
        "running": _begin(profile, CampaignKind.REACH, "libpng", petra, at=at - timedelta(hours=1)),
        "draft": starting.draft(
            profile, CampaignKind.REACH, "freetype", why="The new hinter changes its ABI.", by=petra, at=at
        ),
    }
    _build(made["published"], at=at - timedelta(hours=8))
    ending.publish(made["published"], actor=petra, at=at - timedelta(hours=8))
    advance.advance(made["published"], at=at - timedelta(hours=8))
    ending.abandon(made["abandoned"], why="the compiler flags were wrong", actor=petra, at=at - timedelta(hours=6))
    advance.advance(made["abandoned"], at=at - timedelta(hours=6))
    _build(made["ready"], at=at - timedelta(hours=4), fails=("inkscape",))
    progress.settle(made["ready"], at=at - timedelta(hours=4))
    _build(made["running"], at=at - timedelta(minutes=30), most=3)
    return made


def _publish(repository: Repository, *, at: datetime) -> None:
    stones.make_stream("desktop", at=at)
    with tempfile.TemporaryDirectory() as directory:
        for name, version, provides, needs in DESKTOP:
            recipe = Recipe.objects.create(
                repository=repository,
                path=f"{name}/stone.yaml",
                name=name,
                version=version,
                release=4,
                commit="d5" * 20,
                manifests=["x86_64"],
                package_names=[name],
                changed_at=at,
            )
            capabilities = [Capability.parse(text) for text in (name, *provides)]
            for one in capabilities:
                recipe.providers.create(kind=one.kind, target=one.target, package=name, architecture="x86_64")
            for one in map(Capability.parse, needs):
                recipe.dependencies.create(kind=one.kind, target=one.target, usage="build")
            meta = stones.make_meta(name, version, 4, provides=frozenset(capabilities[1:]))
            stones.bring_in([stones.make_stone(Path(directory), meta)], channel="desktop", at=at)


def _history(profile: Profile, by: User, *, at: datetime) -> None:
    """Gives most recipes a build that took its time, and inkscape one that failed."""
    for number, recipe in enumerate(Recipe.objects.filter(repository__project=profile.project).order_by("name")):
        if recipe.name == "foot":
            continue
        submission = Submission.objects.create(
            repository=recipe.repository,
            commit=f"{number:040x}",
            title=f"{recipe.name}: Update to {recipe.version}",
            author=by,
            status=SubmissionStatus.ACCEPTED,
            created_at=at,
        )
        task = BuildTask.wish(
            recipe=recipe, profile=profile, submission=submission, reason="", build_release=1, estimate=60.0, at=at
        )
        task.save()
        _end(task, fails=recipe.name == "inkscape", seconds=130.0 + 71 * number, at=at)


def _begin(profile: Profile, kind: CampaignKind, argument: str, by: User, *, at: datetime) -> Campaign:
    campaign = starting.draft(profile, kind, argument, by=by, at=at)
    starting.start(campaign, actor=by, at=at)
    advance.advance(campaign, at=at)
    assert campaign.status == "running", campaign.problem
    return campaign


def _build(campaign: Campaign, *, at: datetime, fails: tuple[str, ...] = (), most: int = 100) -> None:
    from summit import lifecycle  # noqa: PLC0415 - it rings; only here it is wanted

    while most and (task := campaign.tasks.filter(status=TaskStatus.QUEUED, blockers=0).order_by("pk").first()):
        most -= 1
        task.start(at=at, sentence="offered to anvil, slot 0")
        if task.source_name in fails:
            lifecycle.fail(task, kind="phase", problem="phase build ended with status 2", at=at)
        else:
            task.publish(build_seconds=task.estimate_seconds * 0.9, at=at)
            lifecycle.complete(task, version=str(int(at.timestamp())), at=at)


def _end(task: BuildTask, *, fails: bool, seconds: float, at: datetime) -> None:
    task.start(at=at, sentence="offered to anvil, slot 0")
    if fails:
        task.fail(kind="phase", problem="phase build ended with status 2", at=at)
    else:
        task.publish(build_seconds=seconds, at=at)
        task.complete(version=str(int(at.timestamp())), at=at)
