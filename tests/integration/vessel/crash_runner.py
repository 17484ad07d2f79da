"""Kills a publisher with SIGKILL before every step it takes, and looks at what clients and the sweep then find.

A program of its own (`python -m tests.integration.vessel.crash_runner <directory> <stride>`), because it forks
processes that die. A step is a change of the tree (rename, mkdir, link, symlink, open for writing, unlink) or an SQL
statement. Prints `points=<count> old=<count> new=<count>` when all went well, and raises otherwise.
"""

import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

STEPS = {"os.rename", "os.mkdir", "os.link", "os.symlink", "os.remove", "os.rmdir", "os.truncate", "open"}


def main(directory: Path, stride: int) -> None:
    state, saved, stones = directory / "state", directory / "saved", directory / "stones"
    os.environ["SERPENT_STATE_DIR"] = str(state)
    os.environ["SERPENT_BROKER_URL"] = "memory://"
    os.environ.pop("SERPENT_DATABASE_URL", None)  # SQLite, whose files can be put back
    os.environ["DJANGO_SETTINGS_MODULE"] = "serpent_infra.settings"
    import django  # noqa: PLC0415 - after the environment

    django.setup()
    import tests.factories.vessel  # noqa: F401, PLC0415 - once, instead of in every child
    import vessel.check  # noqa: PLC0415
    import vessel.sweep  # noqa: F401, PLC0415

    stones.mkdir(parents=True)
    in_child(partial(prepare, stones))
    shutil.copytree(state, saved, symlinks=True)
    found: Counter[str] = Counter()
    point = 0
    while True:
        shutil.rmtree(state)
        shutil.copytree(saved, state, symlinks=True)
        is_through = in_child(partial(publish, die_before=point))
        found[seen_by_a_client(state / "public/main", stones)] += 1
        in_child(recover)
        assert seen_by_a_client(state / "public/main", stones) == "new", f"not repaired after point {point}"
        if is_through:
            break
        point += stride
    assert found["old"]
    assert found["new"]
    sys.stdout.write(f"points={point} old={found['old']} new={found['new']}\n")


def in_child(work: Callable[[], None]) -> bool:
    """Runs something in a process of its own; says whether it came to its end, raises where it failed."""
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        status = 1
        try:
            work()
            status = 0
        except BaseException:  # noqa: BLE001 - reported, and the child must not go on as its parent
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.WEXITSTATUS(status) == 0, "the child failed, see above"
    return True


def prepare(stones: Path) -> None:
    """Publishes nano 1, and brings nano 2 to where only its publication is missing."""
    from django.core.management import call_command  # noqa: PLC0415 - after setup

    from tests.factories.vessel import bring_in, later, make_meta, make_order, make_stone, make_stream  # noqa: PLC0415
    from vessel import intake  # noqa: PLC0415
    from vessel.models import Import  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    make_stream()
    bring_in([make_stone(stones, make_meta(release=1))], at=later(1))
    path = make_stone(stones, make_meta(release=2))
    order = make_order([path], reference="crash")
    intake.request(order=order, reply_to="test.settle", at=later(2))
    subject = Import.objects.get(reference="crash")
    subject.start(at=later(2))
    intake.import_dir(subject).mkdir(parents=True)
    shutil.copy(path, intake.import_dir(subject))
    subject.verify(at=later(2))


def publish(*, die_before: int) -> None:
    """Goes on with the import, up to the step before which it is killed."""
    from django.db import connection  # noqa: PLC0415 - after setup

    from tests.factories.vessel import later  # noqa: PLC0415
    from vessel import intake  # noqa: PLC0415

    left = die_before

    def step() -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        is_write = event != "open" or (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR))
        if event in STEPS and is_write:
            step()

    def statement(execute: Callable[..., object], *arguments: object) -> object:
        step()
        return execute(*arguments)

    with ExitStack() as stack:
        stack.enter_context(connection.execute_wrapper(statement))
        sys.addaudithook(audit)
        intake.process(reference="crash", clock=lambda: later(3))


def recover() -> None:
    """Sweeps, rings once more, and checks everything."""
    from tests.factories.vessel import later  # noqa: PLC0415 - after setup
    from vessel import intake  # noqa: PLC0415
    from vessel.check import findings  # noqa: PLC0415
    from vessel.models import Channel, Import  # noqa: PLC0415
    from vessel.sweep import sweep  # noqa: PLC0415

    sweep(at=later(100))
    intake.process(reference="crash", clock=lambda: later(101))
    sweep(at=later(200))
    found = list(findings(Channel.objects.get()))
    assert not found, found
    subject = Import.objects.get(reference="crash")
    assert subject.status == "published", subject.problem
    assert not intake.import_dir(subject).exists()


def seen_by_a_client(base: Path, stones: Path) -> str:
    """Follows the root index and the stream to a stone, as two kinds of client do; says which it found."""
    from backports import zstd  # noqa: PLC0415 - only here

    from serpent_infra.formats.index import read_index  # noqa: PLC0415
    from serpent_infra.formats.root_index import decode_root_index  # noqa: PLC0415

    raw = (base / "moss-root-index.json").read_bytes()
    assert zstd.decompress((base / "moss-root-index.json.zst").read_bytes()) == raw
    history = decode_root_index(raw).streams["volatile"].history
    pinned = base / f"history/{history}/x86_64/stone.index"
    assert (base / "stream/volatile/x86_64/stone.index").samefile(pinned)
    (meta,) = read_index(pinned)
    assert meta.uri is not None
    stone = (pinned.parent / meta.uri).resolve()
    assert stone.read_bytes() == (stones / stone.name).read_bytes()
    return {1: "old", 2: "new"}[meta.release]


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
