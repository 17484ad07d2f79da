"""The builtin tool on real recipes, in a real sandbox: what it makes, and how it says that something is wrong."""

import hashlib
import os
import subprocess
import threading
import time
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from avalanche.agent.limits import BuildStopped, Interruption, Stopped
from avalanche.agent.tools.protocol import BuildFailed
from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.index import read_index
from serpent_infra.formats.stone.extract import extract
from serpent_infra.formats.stone.package import read_package
from serpent_infra.wire.orders import Limits
from serpent_infra.wire.reports import ArtefactKind, FailureKind
from tests.integration.avalanche.agent.bench import EXAMPLES, Bench, gone_within, groups_left, make_sandbox

pytestmark = pytest.mark.nspawn


def write_recipe(directory: Path, text: str) -> Path:
    directory.mkdir(exist_ok=True)
    (directory / "stone.yaml").write_text(
        f"name: probe\nversion: '1.0'\nrelease: 1\nhomepage: https://example.org\nlicense: MPL-2.0\n{text}"
    )
    return directory


def fails(bench: Bench, recipe_dir: Path) -> BuildFailed:
    with pytest.raises(BuildFailed) as caught:
        bench.build(bench.job(recipe_dir))
    return caught.value


def test_a_root_filled_from_the_packages_alone_runs_the_program(bench: Bench, tmp_path: Path) -> None:
    for name in ("base-libc", "libgreet", "greet-data", "greet"):
        bench.publish(name)
    root = tmp_path / "filled"
    for stone in bench.repository.glob("*.stone"):
        extract(stone, root / "usr")
    for link, target in (("bin", "usr/bin"), ("lib", "usr/lib"), ("lib64", "usr/lib")):
        (root / link).symlink_to(target)

    said = subprocess.run(["chroot", root, "/usr/bin/greet"], capture_output=True, text=True, check=True)

    assert said.stdout == "Hello, packagers!\n"


def test_a_library_is_split_and_its_dependencies_are_found_out(bench: Bench) -> None:
    bench.publish("base-libc")
    bench.publish("libgreet")

    metas = {meta.name: meta for meta in read_index(bench.repository / "stone.index")}

    assert set(metas) == {"base-libc", "libgreet", "libgreet-devel", "libgreet-dbginfo"}
    assert Capability.parse("soname(libgreet.so.1(x86_64))") in metas["libgreet"].provides
    assert Capability.parse("soname(libc.so.6(x86_64))") in metas["libgreet"].depends
    assert Capability.parse("soname(libc.so.6(x86_64))") in metas["base-libc"].provides
    assert Capability.parse("interpreter(/lib64/ld-linux-x86-64.so.2(x86_64))") in metas["base-libc"].provides
    assert Capability.parse("pkgconfig(libgreet)") in metas["libgreet-devel"].provides


def test_the_same_order_gives_the_same_bytes(bench: Bench) -> None:
    first = bench.build(bench.job(EXAMPLES / "libgreet"))
    second = bench.build(bench.job(EXAMPLES / "libgreet"))

    assert first == second
    assert {artefact.kind for artefact in first} == set(ArtefactKind)


def test_bubblewrap_makes_the_same_packages_as_nspawn(bench: Bench, tmp_path: Path, group: str) -> None:
    other = Bench(directory=tmp_path / "other", sandbox=make_sandbox("bubblewrap", group))

    assert other.build(other.job(EXAMPLES / "libgreet")) == bench.build(bench.job(EXAMPLES / "libgreet"))


def test_a_build_leaves_no_group_and_no_process(bench: Bench, group: str) -> None:
    bench.build(bench.job(EXAMPLES / "greet-data"))

    assert groups_left(group) == []
    assert gone_within(str(bench.directory), seconds=0)


def test_phases_are_timed_and_begin_where_the_report_says(bench: Bench) -> None:
    job = bench.job(EXAMPLES / "libgreet")
    bench.build(job)

    names = [phase.name for phase in job.journal.phases]
    assert names == ["dependencies", "setup", "build", "install", "check", "packaging"]
    for phase in job.journal.phases:
        heading = f"==> {phase.name}\n".encode()
        assert job.journal.read(phase.log_offset, len(heading)) == heading


def test_a_phase_that_fails_shows_the_compilers_words(bench: Bench) -> None:
    failure = fails(bench, EXAMPLES / "broken").failure

    assert failure.kind is FailureKind.PHASE
    assert failure.phase == "build"
    assert failure.message == "The phase build ended with status 1"
    assert "broken.c:5:41: error: expected" in failure.excerpt


def test_a_dependency_that_nothing_provides_is_named_with_who_needs_it(bench: Bench) -> None:
    failure = fails(bench, EXAMPLES / "greet").failure

    assert failure.kind is FailureKind.DEPENDENCY
    assert failure.message == ("Nothing provides pkgconfig(libgreet), which the recipe needs (looked in: base image)")


def test_a_path_outside_usr_is_refused(bench: Bench, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path / "r", "install: |\n    install -Dm644 /dev/null %(installroot)/etc/probe.conf\n")

    failure = fails(bench, recipe).failure

    assert failure.kind is FailureKind.PACKAGING
    assert "/etc/probe.conf" in failure.message + failure.excerpt


def test_what_packaging_could_not_read_stands_in_the_log(bench: Bench, tmp_path: Path) -> None:
    install = "mkdir -p %(installroot)/usr/bin\n    printf '\\177ELF' > %(installroot)/usr/bin/probe\n"
    job = bench.job(write_recipe(tmp_path / "r", f"install: |\n    {install}"))

    bench.build(job)

    assert b"    /usr/bin/probe: a damaged ELF file, packed as any other" in job.journal.read(0, job.journal.size)


def test_an_install_tree_that_leads_out_of_the_root_is_refused(bench: Bench, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path / "r", "install: |\n    rm -rf %(installroot)\n    ln -s /etc %(installroot)\n")

    assert fails(bench, recipe).failure.kind is FailureKind.PACKAGING


@pytest.mark.parametrize(("level", "said"), [("", b"level: __AVX2__\n"), ("x86_64-v3x", b"level: 1\n")])
def test_an_order_for_a_level_is_compiled_for_it(bench: Bench, tmp_path: Path, level: str, said: bytes) -> None:
    text = """architectures: [native, x86_64-v3x]
build: |
    echo "level: $(echo __AVX2__ | ${CC} ${CFLAGS} -E -P -xc -)"
install: |
    install -Dm644 /dev/null %(installroot)/usr/share/probe/empty
"""
    job = bench.job(write_recipe(tmp_path / "r", text))
    job = replace(job, order=msgspec.structs.replace(job.order, isa_level=level))

    bench.build(job)

    assert said in job.journal.read(0, job.journal.size)


def test_an_unknown_macro_is_the_recipes_failure(bench: Bench, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path / "r", "install: |\n    %no_such_macro\n")

    failure = fails(bench, recipe).failure

    assert failure.kind is FailureKind.RECIPE
    assert "no_such_macro" in failure.message


def test_an_upstream_that_is_not_what_the_recipe_pins_is_refused(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "source.tar").write_bytes(b"something else")
    pinned = hashlib.sha256(b"what was meant").hexdigest()
    with serving(tmp_path / "served") as uri:
        recipe = write_recipe(tmp_path / "r", f"upstreams:\n    - {uri}/source.tar: {pinned}\ninstall: 'true'\n")
        failure = fails(bench, recipe).failure

    assert failure.kind is FailureKind.HASH_MISMATCH
    assert pinned in failure.message


def test_a_vanished_upstream_is_a_failure_to_fetch(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    with serving(tmp_path / "served") as uri:
        recipe = write_recipe(tmp_path / "r", f"upstreams:\n    - {uri}/gone.tar: {'0' * 64}\ninstall: 'true'\n")
        failure = fails(bench, recipe).failure

    assert failure.kind is FailureKind.FETCH
    assert "the server answered 404" in failure.message


def test_the_source_cache_is_asked_before_the_upstream_site(bench: Bench, tmp_path: Path) -> None:
    source = tmp_path / "hello-1"
    source.mkdir()
    (source / "greeting").write_text("from the archive\n")
    archive = tmp_path / "archive.tar.gz"
    subprocess.run(["tar", "czf", archive, "-C", tmp_path, "hello-1"], check=True)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    (tmp_path / "sources").mkdir()
    archive.rename(tmp_path / "sources" / digest)
    bench.source_cache = str(tmp_path / "sources")
    recipe = write_recipe(
        tmp_path / "r",
        f"upstreams:\n    - https://nowhere.invalid/hello-1.tar.gz: {digest}\n"
        "install: |\n    %install_file greeting %(installroot)/usr/share/greeting\n",
    )

    job = bench.job(recipe)
    bench.build(job)
    extract(next(job.workspace.artefacts_dir.glob("*.stone")), tmp_path / "usr")

    assert (tmp_path / "usr" / "share" / "greeting").read_text() == "from the archive\n"


def test_a_build_has_no_network_unless_the_recipe_asks(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    with serving(tmp_path / "served") as uri:
        script = f"install: |\n    exec 3<>/dev/tcp/{uri.removeprefix('http://').replace(':', '/')}\n"
        closed = fails(bench, write_recipe(tmp_path / "r", script)).failure
        opened = fails(bench, write_recipe(tmp_path / "r", f"networking: true\n{script}")).failure

    assert (closed.kind, closed.phase) == (FailureKind.PHASE, "install")
    assert opened.kind is FailureKind.PACKAGING  # it reached the server, and then left nothing to package


@pytest.mark.parametrize(
    ("limits", "script", "reason"),
    [
        (Limits(wall_seconds=1), "while true; do echo working; sleep 0.2; done", Stopped.TIME_LIMIT),
        (Limits(silence_seconds=1), "sleep 600", Stopped.SILENCE_LIMIT),
        (Limits(log_bytes=100_000), "yes endless", Stopped.LOG_LIMIT),
    ],
)
def test_a_limit_ends_the_build(bench: Bench, tmp_path: Path, limits: Limits, script: str, reason: Stopped) -> None:
    bench.limits = limits
    job = bench.job(write_recipe(tmp_path / "r", f"install: |\n    {script}\n"))

    with pytest.raises(BuildStopped) as caught:
        bench.build(job)

    assert caught.value.reason is reason
    assert job.journal.size <= limits.log_bytes + 4096


def test_want_of_disk_ends_the_build(bench: Bench, tmp_path: Path) -> None:
    bench.minimum_free = 2**60
    with pytest.raises(BuildStopped) as caught:
        bench.build(bench.job(write_recipe(tmp_path / "r", "install: |\n    sleep 600\n")))

    assert caught.value.reason is Stopped.DISK_FULL


def test_a_cancelled_build_ends_within_a_second_with_all_it_started(bench: Bench, tmp_path: Path, group: str) -> None:
    interruption = Interruption()
    script = f"install: |\n    trap '' TERM\n    setsid sleep 600.{os.getpid()} &\n    sleep 600.{os.getpid()}\n"
    job = bench.job(write_recipe(tmp_path / "r", script), interruption=interruption)
    threading.Timer(1.0, interruption.set, [Stopped.CANCELLED]).start()
    began = time.monotonic()

    with pytest.raises(BuildStopped) as caught:
        bench.build(job)

    assert caught.value.reason is Stopped.CANCELLED
    assert time.monotonic() - began < 3
    assert gone_within(f"sleep 600.{os.getpid()}", seconds=0)
    assert groups_left(group) == []


def test_a_second_build_reuses_the_layer_of_its_dependencies(bench: Bench) -> None:
    for name in ("libgreet", "greet-data"):
        bench.publish(name)
    bench.build(bench.job(EXAMPLES / "greet"))
    layers = sorted((bench.directory / "cache" / "layers").glob("*/usr"))
    made_at = layers[0].stat().st_ctime_ns

    bench.build(bench.job(EXAMPLES / "greet"))

    assert len(layers) == 1
    assert sorted((bench.directory / "cache" / "layers").glob("*/usr")) == layers
    assert layers[0].stat().st_ctime_ns == made_at


def test_a_stone_says_what_the_order_says(bench: Bench) -> None:
    job = bench.job(EXAMPLES / "greet-data")
    bench.build(job)

    meta = read_package(next(job.workspace.artefacts_dir.glob("*.stone"))).meta

    assert (meta.source_id, meta.version, meta.release, meta.build_release) == ("greet-data", "3", 1, 1)


class serving:  # noqa: N801 - used as a context manager
    """Serves a directory on a free port."""

    def __init__(self, directory: Path) -> None:
        class Quiet(SimpleHTTPRequestHandler):
            def __init__(self, *args: object, **kwargs: object) -> None:
                super().__init__(*args, directory=str(directory), **kwargs)  # type: ignore[arg-type]

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
