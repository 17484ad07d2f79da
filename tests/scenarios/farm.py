"""A small farm at work: people, recipes, builds in every state, builders well and unwell, published packages."""

import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sin
from pathlib import Path
from uuid import uuid4

from django.contrib.auth.models import Group
from guardian.shortcuts import assign_perm

from avalanche import logs
from avalanche.models import Attempt, Builder, HostSample
from avalanche.statuses import Tier
from serpent_infra.accounts.models import User
from serpent_infra.formats.dependency import Capability
from serpent_infra.wire.reports import BuildReport, FailureKind
from summit.models import (
    AttemptRef,
    BuildTask,
    Delivery,
    Dependency,
    Profile,
    Project,
    Provider,
    Recipe,
    Release,
    Remote,
    Repository,
    Submission,
    TaskEdge,
    Webhook,
)
from summit.states import RefreshStatus, SubmissionStatus, TaskStatus
from tests.factories import avalanche as machines
from tests.factories import vessel as stones
from tests.scenarios import farm_texts as texts


@dataclass(kw_only=True)
class Farm:
    """What the scenario made, for tests to hold on to."""

    at: datetime
    project: Project
    profile: Profile
    repository: Repository
    recipes: dict[str, Recipe]
    tasks: dict[str, BuildTask]
    builders: dict[str, Builder]
    people: dict[str, User]
    submission: Submission


def make_farm(at: datetime) -> Farm:
    people = _people()
    project = Project.objects.create(
        slug="serpent-os", title="Serpent OS", description="A distribution whose packages are stones."
    )
    repository = _repository(project, at)
    _private(project, at)
    profile = Profile.objects.create(
        project=project,
        name="main-x86-64",
        channel="main",
        stream="volatile",
        base_provides=["binary(bash)", "binary(clang)", "soname(libc.so.6(x86_64))"],
        planned_at=at - timedelta(minutes=2),
    )
    Remote.objects.create(profile=profile, name="bootstrap", index_uri="https://packages.example/stone.index")
    _deliveries(repository, people["ada"], at)
    recipes = _recipes(repository, at)
    builders = _builders(people["petra"], at)
    for group in Group.objects.filter(name="toolchain"):
        assign_perm("summit.review_build", group, repository)
    farm = Farm(
        at=at,
        project=project,
        profile=profile,
        repository=repository,
        recipes=recipes,
        tasks={},
        builders=builders,
        people=people,
        submission=Submission.objects.create(
            repository=repository,
            commit="5f" * 20,
            title="zlib: Update to 1.3.1",
            message="zlib: Update to 1.3.1\n\nFixes what the crafted archives of last week did to inflate.",
            author=people["petra"],
            author_name="Petra",
            status=SubmissionStatus.ACCEPTED,
            created_at=at - timedelta(hours=2),
        ),
    )
    _publish(at)
    _tasks(farm)
    return farm


def _people() -> dict[str, User]:
    ada = User.objects.create_superuser("ada", "ada@example.org", "long enough", first_name="Ada", last_name="Admin")
    petra = User.objects.create_user("petra", "petra@example.org", "long enough", first_name="Petra")
    rex = User.objects.create_user("rex", "rex@example.org", "long enough")
    for name, members in {"packagers": [petra, rex], "toolchain": [rex]}.items():
        Group.objects.create(name=name).user_set.add(*members)
    return {"ada": ada, "petra": petra, "rex": rex}


def _repository(project: Project, at: datetime) -> Repository:
    return Repository.objects.create(
        project=project,
        slug="main",
        description="The recipes of the distribution",
        origin_uri="https://git.example/serpent-os/recipes.git",
        needs_review=True,
        commit="fec7590f" * 5,
        commit_subject="zlib: Update to 1.3.1",
        commit_at=at - timedelta(hours=2),
        readme=texts.README,
        status=RefreshStatus.IDLE,
        refreshed_at=at - timedelta(seconds=40),
        warnings=[{"path": "tools/stone.yaml", "text": "tools is a submodule; recipes in one are not read"}],
    )


def _private(project: Project, at: datetime) -> None:
    hidden = Repository.objects.create(
        project=project, slug="embargoed", origin_uri="https://git.example/embargoed.git", is_private=True
    )
    Recipe.objects.create(repository=hidden, path="s/secret/stone.yaml", name="secret", release=1, changed_at=at)


def _recipes(repository: Repository, at: datetime) -> dict[str, Recipe]:
    made: dict[str, Recipe] = {}
    for number, (name, version, summary, provides, builds, runs) in enumerate(texts.RECIPES):
        recipe = made[name] = Recipe.objects.create(
            repository=repository,
            path=f"{name[0]}/{name}/stone.yaml",
            name=name,
            version=version,
            release=number % 7 + 1,
            summary=summary,
            description=f"{summary}. {texts.DESCRIPTION}",
            homepage=f"https://{name}.example/",
            licences=["Zlib", "MPL-2.0"] if number % 2 else ["GPL-3.0-or-later"],
            upstreams=[
                {"uri": f"https://{name}.example/{name}-{version}.tar.xz", "kind": "archive", "hash": "ab" * 32}
            ],
            packages=[{"name": name, "summary": summary}, {"name": f"{name}-devel", "summary": "Development files"}],
            architectures=["x86_64"],
            manifests=["x86_64"] if number % 3 else [],
            commit="fec7590f" * 5,
            commit_subject=f"{name}: Update to {version}",
            author_name="Petra",
            changed_at=at - timedelta(days=number),
        )
        _capabilities(recipe, provides, builds, runs)
        _history(recipe, at)
    broken = made["nano"]
    broken.error = 'mapping values are not allowed here\n  builddeps: - "pkgconfig(ncurses)"\n             ^'
    broken.error_line, broken.error_column, broken.error_commit = 14, 13, "0badc0de" * 5
    broken.save()
    warned = made["curl"]
    warned.warnings = [{"text": "“licence” is not a key; did you mean “license”?", "line": 6, "column": 1}]
    warned.save()
    return made


def _capabilities(recipe: Recipe, provides: list[str], builds: list[str], runs: list[str]) -> None:
    for text in [recipe.name, f"{recipe.name}-devel", *provides]:
        capability = Capability.parse(text)
        Provider.objects.create(
            recipe=recipe, package=recipe.name, kind=capability.kind, target=capability.target, architecture="x86_64"
        )
    for usage, needed in (("build", builds), ("run", runs)):
        for text in needed:
            capability = Capability.parse(text)
            Dependency.objects.create(recipe=recipe, usage=usage, kind=capability.kind, target=capability.target)


def _history(recipe: Recipe, at: datetime) -> None:
    """Gives a recipe its releases, and what its macros and build root imply."""
    for release in range(1, recipe.release + 1):
        Release.objects.create(
            recipe=recipe,
            version=recipe.version,
            release=release,
            commit=f"{release:02x}" * 20,
            subject=f"{recipe.name}: Update to {recipe.version}",
            author_name="Petra",
            released_at=at - timedelta(days=30 * (recipe.release - release) + 1),
        )
    for target, by in (("meson", "%meson"), ("clang", "the llvm toolchain"), ("bash", "every build root")):
        Dependency.objects.create(recipe=recipe, usage="implied", kind=0, target=target, implied_by=by)


def _deliveries(repository: Repository, by: User, at: datetime) -> None:
    Webhook.objects.create(repository=repository, nonce="0" * 32, set_by=by, set_at=at - timedelta(days=9))
    for number, (event, outcome, sentence) in enumerate(texts.DELIVERIES):
        Delivery.objects.create(
            repository=repository,
            forge="forgejo",
            identifier=str(uuid4()),
            signature=f"{number:064x}",
            event=event,
            outcome=outcome,
            sentence=sentence,
            received_at=at - timedelta(hours=number),
        )


def _builders(owner: User, at: datetime) -> dict[str, Builder]:
    anvil = machines.make_builder("anvil", slots=2, at=at, is_well=False)
    kiln = machines.make_builder("kiln", slots=4, at=at - timedelta(hours=3))
    spark = machines.make_builder("spark", tier=Tier.TEST, slots=1, at=at)
    spark.drain()
    newcomer, _ = Builder.objects.create_with_code(
        name="newcomer", tier=Tier.TEST, owner=owner, at=at, lifetime=timedelta(minutes=15)
    )
    Builder.objects.filter(name="spark").update(owner=owner)
    HostSample.objects.bulk_create(
        _sample(anvil, step, at - timedelta(hours=3) + timedelta(seconds=step))
        for step in range(0, 3 * 60 * 60 + 1, 20)
    )
    return {"anvil": anvil, "kiln": kiln, "spark": spark, "newcomer": newcomer}


def _sample(builder: Builder, step: int, at: datetime) -> HostSample:
    cpus = tuple(
        max(1.0, min(100.0, 55 + 40 * sin(step / 300 + cpu) + 8 * sin(step / 37 * (cpu + 1)))) for cpu in range(8)
    )
    used = int((11 + 5 * sin(step / 700)) * machines.GIB)
    disk = int(330 * machines.GIB + step / 90 * machines.GIB)
    return HostSample(
        builder=builder,
        at=at,
        cpu_percent=cpus,
        load_1m=round(sum(cpus) / 100, 2),
        memory_used=used,
        memory_available=32 * machines.GIB - used,
        disk_used=disk,
        disk_free=500 * machines.GIB - disk,
    )


def _publish(at: datetime) -> None:
    stones.make_stream(at=at - timedelta(days=3))
    with tempfile.TemporaryDirectory() as directory:
        for days, (name, version, release) in enumerate(texts.PUBLISHED):
            meta = stones.make_meta(
                name, version, release, depends=frozenset({Capability.parse("soname(libc.so.6(x86_64))")})
            )
            path = stones.make_stone(Path(directory), meta)
            provenance = {"project": "serpent-os", "recipe": name, "commit": "fec7590f" * 5, "builder": "anvil"}
            stones.bring_in([path], at=at - timedelta(days=2) + timedelta(hours=days), provenance=provenance)


def _tasks(farm: Farm) -> None:
    for name, status, age in texts.TASKS:
        _task(farm, name, status, farm.at - timedelta(minutes=age))
    blocked, failed = farm.tasks["vim"], farm.tasks["openssl"]
    TaskEdge.objects.create(task=blocked, needs=failed, capability="pkgconfig(openssl)")
    for name, need in texts.EDGES:
        TaskEdge.objects.create(
            task=farm.tasks[name], needs=farm.tasks[need], capability=f"pkgconfig({need})", usage="build"
        )
        BuildTask.objects.filter(pk=farm.tasks[name].pk).update(blockers=1)
    TaskEdge.objects.create(
        task=farm.tasks["glib"],
        needs=farm.tasks["meson"],
        capability="binary(meson)",
        kind="staged",
        published="meson 1.6-3",
    )


def _task(farm: Farm, name: str, status: TaskStatus, at: datetime) -> None:
    recipe = farm.recipes[name]
    task = farm.tasks[name] = BuildTask.objects.create(
        submission=farm.submission,
        recipe=recipe,
        profile=farm.profile,
        commit=recipe.commit,
        recipe_path=recipe.path,
        source_name=name,
        version=recipe.version,
        release=recipe.release,
        architecture="x86_64",
        status=TaskStatus.QUEUED,
        reason="update from 1.2-3",
        estimate_seconds=80.0 + 17 * recipe.pk,
        priority=900.0 - 13 * recipe.pk,
        wave=recipe.pk % 3,
        created_at=at,
        queued_at=at,
        updated_at=at,
    )
    task.events.create(
        at=at, target=TaskStatus.QUEUED, sentence="the stream lacks this release", actor=farm.people["petra"]
    )
    match status:
        case TaskStatus.BUILDING:
            _attempt(farm, task, at)
        case TaskStatus.COMPLETED:
            _attempt(farm, task, at)
            task.publish(build_seconds=73.5, at=at + timedelta(seconds=75))
            task.complete(version=str(int(at.timestamp())), at=at + timedelta(seconds=78))
        case TaskStatus.FAILED:
            _attempt(farm, task, at, fails=True)
            task.fail(kind="phase", problem="phase build ended with status 2", at=at + timedelta(seconds=75))
        case TaskStatus.BLOCKED:
            task.block(reason="failed-need", problem="openssl 3.4-4, which it needs, failed", at=at)  # type: ignore[arg-type]
        case TaskStatus.CANCELLED:
            task.cancel(at=at, actor=farm.people["ada"], sentence="cancelled by a person")
        case _:
            pass


def _attempt(farm: Farm, task: BuildTask, at: datetime, *, fails: bool = False) -> None:
    is_open = task.source_name in texts.BUILDING
    builder = farm.builders["anvil"]
    slot = builder.slots.order_by("index")[texts.BUILDING.index(task.source_name) if is_open else 0]
    if not is_open:
        # One open attempt a slot: earlier ones ran where nothing runs now.
        slot = farm.builders["kiln"].slots.order_by("index")[0]
    order = machines.make_order(uuid4())
    task.start(at=at, sentence=f"offered to {slot.builder.name}, slot {slot.index}")
    reference = AttemptRef.make(task=task, attempt=order.attempt, builder=slot.builder.name, slot=slot.index, at=at)
    attempt = Attempt.offer(
        order=order, task=str(task.pk), reply_to="summit.settle", slot=slot, at=at, patience=machines.PATIENCE
    )
    Attempt.objects.filter(pk=attempt.pk).update(title=task.title)
    attempt.claim(at=at + timedelta(seconds=1), lease=timedelta(hours=12))
    text = texts.FAILING_LOG if fails else texts.LOG
    logs.append(attempt=attempt.pk, offset=0, chunk=text.encode(), limit=2**20)
    if is_open:
        Attempt.objects.filter(pk=attempt.pk).update(phase="build", isolation="nspawn", log_size=len(text))
        return
    _report(attempt, task, at + timedelta(seconds=74), fails=fails)
    reference.settle(
        outcome="failed" if fails else "succeeded",
        memory_peak=machines.GIB * 3 // 4,
        memory_limit=slot.memory_limit,
        disk_peak=machines.GIB * 5 // 2,
        at=at + timedelta(seconds=75),
    )


def _report(attempt: Attempt, task: BuildTask, at: datetime, *, fails: bool) -> None:
    from avalanche import reporting  # noqa: PLC0415 - the module rings doorbells; only here they are wanted
    from serpent_infra.wire.reports import BuiltManifest, Failure, Outcome  # noqa: PLC0415 - likewise

    changes: dict[str, object] = {"log_size": logs.size_of(attempt.pk)}
    if fails:
        changes["failure"] = Failure(
            kind=FailureKind.PHASE,
            message="phase build ended with status 2",
            phase="build",
            excerpt=texts.FAILING_LOG[-420:],
        )
    else:
        changes["manifests"] = (BuiltManifest(name="manifest.x86_64.bin", data=b"\0mos"),)
        changes["artefacts"] = tuple(
            machines.make_artefact(f"{package}-{task.version}-{task.release}-1-x86_64.stone", size=size)
            for package, size in ((task.source_name, 184_320), (f"{task.source_name}-devel", 20_511))
        )
    report: BuildReport = machines.make_report(attempt, Outcome.FAILED if fails else Outcome.SUCCEEDED, **changes)
    reporting.accept(attempt, report, at=at)
