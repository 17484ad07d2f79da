"""A slot from the bell to the report, with real builds in a real sandbox and a hub in memory."""

import hashlib
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from avalanche.agent import artefacts, machine
from avalanche.agent.configuration import Configuration
from avalanche.agent.slot import Slot
from serpent_infra.formats.manifest import decode_manifest
from serpent_infra.formats.manifest_report import decode_report
from serpent_infra.wire.builders import Hello, SlotInfo
from serpent_infra.wire.orders import BuildOrder, BuildPurpose, Limits, Source
from serpent_infra.wire.reports import FailureKind, Outcome
from tests.fakes.hub import FakeHub
from tests.integration.avalanche.agent.bench import EXAMPLES, gone_within, groups_left, make_sandbox

pytestmark = pytest.mark.nspawn

SLEEPS = "name: sleeper\nversion: '1'\nrelease: 1\nhomepage: https://example.org\nlicense: MPL-2.0\n"


def git(directory: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.org")
    return subprocess.run(
        ["git", *identity, *arguments], cwd=directory, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """A git repository with the example recipes and one that sleeps."""
    directory = tmp_path / "collection"
    subprocess.run(["cp", "-r", EXAMPLES, directory], check=True)
    (directory / "sleeper").mkdir()
    (directory / "sleeper" / "stone.yaml").write_text(
        f"{SLEEPS}install: |\n    echo asleep\n    sleep {naptime(tmp_path)}\n"
    )
    git(directory, "init", "-q", "-b", "main")
    git(directory, "add", ".")
    git(directory, "commit", "-qm", "Collect")
    return directory


def naptime(tmp_path: Path) -> str:
    """A sleep that no other test's process list holds."""
    return f"600.{int(hashlib.sha256(str(tmp_path).encode()).hexdigest()[:8], 16)}"


def make_order(collection: Path, name: str, *, version: str, release: int = 1) -> BuildOrder:
    return BuildOrder(
        attempt=uuid4(),
        title=name,
        purpose=BuildPurpose.OFFICIAL,
        source=Source(
            origin_uri=collection.as_uri(),
            commit=git(collection, "rev-parse", "HEAD"),
            recipe_path=f"{name}/stone.yaml",
        ),
        source_name=name,
        version=version,
        release=release,
        build_release=1,
        architecture=machine.architecture(),
        remotes=(),
        source_date_epoch=1_700_000_000,
        limits=Limits(),
    )


@pytest.fixture
def slot(tmp_path: Path, group: str) -> Iterator[Slot]:
    make_sandbox("nspawn", group)
    hub = FakeHub()
    configuration = Configuration(
        builder_dir=tmp_path / "builder",
        base_image=Path("/"),
        wanted_sandbox="nspawn",
        wanted_tool="builtin",
        source_cache="",
        minimum_free=0,
        lease_seconds=45,
        git_timeout=30,
    )
    yield Slot(
        info=SlotInfo(index=0, cpus=(0,), memory_limit=0),
        configuration=configuration,
        connect=lambda: hub,
        renew_seconds=0.2,
    )
    assert groups_left(configuration.group_name(0)) == []


def hub_of(slot: Slot) -> FakeHub:
    hub = slot.connect()
    assert isinstance(hub, FakeHub)
    return hub


def run(slot: Slot, order: BuildOrder) -> FakeHub:
    hub = hub_of(slot)
    hub.order = order
    slot.run(order.attempt)
    return hub


def once_asleep(hub: FakeHub, change: str) -> None:
    """Sets a flag of the hub once the sleeping recipe sleeps."""

    def wait() -> None:
        deadline = time.monotonic() + 20
        while b"asleep" not in hub.log and time.monotonic() < deadline:
            time.sleep(0.02)
        setattr(hub, change, True)

    threading.Thread(target=wait, daemon=True).start()


def test_a_success_reports_what_lies_ready_to_be_fetched(slot: Slot, collection: Path) -> None:
    order = make_order(collection, "libgreet", version="1.2.0")

    hub = run(slot, order)

    (report,) = hub.reports
    assert (report.outcome, report.isolation, report.failure) == (Outcome.SUCCEEDED, "nspawn", None)
    assert report.log_size == len(hub.log)
    assert b"all is well" in hub.log
    assert hub.log.endswith(b"==> succeeded\n")
    for artefact in report.artefacts:
        path = artefacts.find(slot.configuration.builder_dir, order.attempt, artefact.name)
        assert path is not None
        assert hashlib.sha256(path.read_bytes()).hexdigest() == artefact.sha256


def test_a_failure_reports_its_kind_and_keeps_no_artefacts(slot: Slot, collection: Path) -> None:
    hub = run(slot, make_order(collection, "broken", version="0.1"))

    (report,) = hub.reports
    assert report.outcome is Outcome.FAILED
    assert report.failure is not None
    assert (report.failure.kind, report.failure.phase) == (FailureKind.PHASE, "build")
    assert artefacts.kept(slot.configuration.builder_dir) == []


def test_a_broken_promise_is_reported_with_the_manifests_that_were_built(slot: Slot, collection: Path) -> None:
    (collection / "greet-data" / f"manifest.{machine.architecture()}.bin").write_bytes(b"a promise of yore")
    git(collection, "add", ".")
    git(collection, "commit", "-qm", "Promise")
    order = make_order(collection, "greet-data", version="3")

    hub = run(slot, msgspec.structs.replace(order, verify_manifest=True))

    (report,) = hub.reports
    assert report.failure is not None
    assert report.failure.kind is FailureKind.MANIFEST_MISMATCH
    assert report.artefacts == ()
    assert artefacts.kept(slot.configuration.builder_dir) == []
    binary, readable = report.manifests
    (meta,) = decode_manifest(binary.data)
    assert (meta.name, meta.version, meta.build_release) == ("greet-data", "3", 0)
    assert decode_report(readable.data.decode()).source_name == "greet-data"
    assert msgspec.json.decode(msgspec.json.encode(report), type=type(report)) == report


@pytest.mark.parametrize(("version", "release"), [("1.2.1", 1), ("1.2.0", 2)])
def test_a_recipe_that_is_not_what_was_ordered_is_refused(
    slot: Slot, collection: Path, version: str, release: int
) -> None:
    hub = run(slot, make_order(collection, "libgreet", version=version, release=release))

    failure = hub.reports[0].failure
    assert failure is not None
    assert failure.kind is FailureKind.RECIPE
    assert "was ordered" in failure.message


def test_a_recipe_that_does_not_parse_is_refused_with_its_line(slot: Slot, collection: Path) -> None:
    (collection / "libgreet" / "stone.yaml").write_text("name: libgreet\nname: twice\n")
    git(collection, "commit", "-qam", "Break")

    hub = run(slot, make_order(collection, "libgreet", version="1.2.0"))

    failure = hub.reports[0].failure
    assert failure is not None
    assert failure.kind is FailureKind.RECIPE
    assert "stone.yaml:2" in failure.message


def test_an_attempt_that_was_not_offered_is_left_alone(slot: Slot) -> None:
    slot.run(uuid4())

    assert hub_of(slot).reports == []
    assert hub_of(slot).hellos == [Hello(idle_slots=(0,))]


def test_cancelling_ends_the_build_and_is_reported(slot: Slot, collection: Path, tmp_path: Path) -> None:
    once_asleep(hub_of(slot), "wants_cancel")

    hub = run(slot, make_order(collection, "sleeper", version="1"))

    assert [report.outcome for report in hub.reports] == [Outcome.CANCELLED]
    assert "install" in hub.renewals
    assert gone_within(f"sleep {naptime(tmp_path)}", seconds=0)


def test_a_lost_lease_ends_the_build_without_a_report(slot: Slot, collection: Path, tmp_path: Path) -> None:
    once_asleep(hub_of(slot), "is_stale")

    hub = run(slot, make_order(collection, "sleeper", version="1"))

    assert hub.reports == []
    assert gone_within(f"sleep {naptime(tmp_path)}", seconds=0)
    assert artefacts.kept(slot.configuration.builder_dir) == []


def test_a_refused_report_drops_the_artefacts(slot: Slot, collection: Path) -> None:
    hub_of(slot).refuses_report = True

    run(slot, make_order(collection, "greet-data", version="3"))

    assert artefacts.kept(slot.configuration.builder_dir) == []


def test_a_hub_that_restarts_misses_nothing_of_the_log(slot: Slot, collection: Path) -> None:
    hub = hub_of(slot)
    threading.Timer(0.3, setattr, [hub, "is_away", True]).start()
    threading.Timer(2.0, setattr, [hub, "is_away", False]).start()

    run(slot, make_order(collection, "libgreet", version="1.2.0"))

    assert hub.reports[0].outcome is Outcome.SUCCEEDED
    assert hub.reports[0].log_size == len(hub.log)


def test_preparing_clears_what_a_killed_worker_left(slot: Slot) -> None:
    left = slot.directory / "work" / "root" / "upper" / "file"
    left.parent.mkdir(parents=True)
    left.touch()

    slot.prepare()

    deadline = time.monotonic() + 5
    while list(slot.directory.glob("*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert list(slot.directory.iterdir()) == []
    assert hub_of(slot).hellos == [Hello(idle_slots=(0,))]
