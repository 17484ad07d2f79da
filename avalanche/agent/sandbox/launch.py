"""How every sandbox starts its command: joined to its group, bound to its parent's life, `/usr` assembled in private.

The overlay is mounted in a mount namespace that only the command's processes are in, so that killing them is enough to
unmount it. Inside, a few lines of shell write the real exit status to a file: what nspawn and bwrap return is ambiguous
(nspawn says 1 for a failed command and for its own death by SIGTERM, and 255 for a command killed by a signal).
"""

import contextlib
import os
import selectors
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from avalanche.agent.sandbox.cgroups import Group
from avalanche.agent.sandbox.memory import MemoryGauge
from avalanche.agent.sandbox.protocol import CHANNEL, Bind, BuildRoot, Command, Ending, Output, SandboxFailed, Stop

_STATUS = "exit"
_TICK = 0.1  # seconds between two looks at the reasons to stop
_END_SECONDS = 1.0  # what a sandbox has to end its payload in; it needs milliseconds
_CHUNK = 65536
_NOISE_LIMIT = 65536

_JOIN = 'while [ "$1" != -- ]; do echo $$ > "$1" || exit 125; shift; done; shift; exec "$@"'
# What nspawn keeps in the host's /run is kept in a place that vanishes with the namespace.
_HIDE_RUN = (
    'if [ -d /run/systemd ]; then cd /run/systemd; else cd /run; fi; mount -t tmpfs -o mode=755 tmpfs "$PWD"; cd /'
)
_ASSEMBLE = 'mount -t overlay -o "$1" overlay "$2" && shift 2 && exec "$@"'
_PAYLOAD = (
    'exec 2>&1; status=$1; echo started > "$status"; cd "$2" || exit 125; shift 2; '
    '/usr/bin/env -i "$@"; code=$?; echo $code > "$status"; exit $code'
)


def payload(command: Command) -> list[str]:
    """Makes what runs inside: the command in its directory and environment, its exit status in the status file."""
    environment = [f"{name}={value}" for name, value in command.environment.items()]
    return [
        "/bin/sh",
        "-c",
        _PAYLOAD,
        "payload",
        f"{CHANNEL}/{_STATUS}",
        command.directory,
        *environment,
        *command.argv,
    ]


def outer(
    inner: Sequence[str],
    root: BuildRoot,
    group: Group,
    *,
    cpus: tuple[int, ...],
    as_user: bool = False,
    hides_run: bool = False,
    death_signal: str = "KILL",
) -> list[str]:
    """Makes what is started on the host: join the group, leave the host's mounts, assemble `/usr`, become `inner`.

    An overlay in a user namespace cannot be written to where the layers belong to others, so there it has no upper.
    `death_signal` is what `inner` gets when its parent dies: what ends it together with all it has started.
    """
    layers = ":".join(str(path) for path in root.lower)
    # The kernel wants two layers at least where there is no upper.
    options = (
        f"lowerdir={layers}:{root.upper}"
        if as_user
        else (f"lowerdir={layers},upperdir={root.upper},workdir={root.scratch}")
    )
    for path in (*root.lower, root.upper, root.scratch):
        if set(str(path)) & set(":,\\"):
            raise SandboxFailed(f"the path {path} holds a character that overlay options cannot carry")
    affinity = ["taskset", "-c", ",".join(str(cpu) for cpu in cpus)] if cpus else []
    unshare = ["unshare", *(["--map-root-user"] if as_user else []), "--mount"]
    script = f"{_HIDE_RUN} && {_ASSEMBLE}" if hides_run else _ASSEMBLE
    assemble = ["sh", "-c", script, "assemble", options, str(root.directory / "usr")]
    join = ["sh", "-c", _JOIN, "join", *(str(entry) for entry in group.entries), "--"]
    first, then = (["setpriv", "--pdeathsig", number] for number in ("KILL", death_signal))
    return [*first, *join, *affinity, *unshare, *assemble, *then, *inner]


def open_channel(root: BuildRoot, command: Command) -> tuple[Bind, ...]:
    """Makes the channel afresh with the command's files in it, and gives what is to be bound."""
    shutil.rmtree(root.channel, ignore_errors=True)
    root.channel.mkdir(parents=True)
    for name, text in command.files.items():
        (root.channel / name).write_text(text)
    return (*command.binds, Bind(source=root.channel, target=CHANNEL, is_writable=True))


def supervise(
    argv: Sequence[str],
    root: BuildRoot,
    group: Group,
    *,
    environment: dict[str, str],
    on_output: Output,
    stop: Stop,
) -> Ending:
    """Starts `argv`, passes its output on, kills it when told to, and reads how it ended inside and what it took."""
    noise = bytearray()
    reason = ""
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A signal to the worker's process group is the worker's to act on, which is to die; the kernel does the rest.
        process_group=0,
        env={"PATH": os.environ.get("PATH", os.defpath), **environment},
    ) as process:
        gauge = MemoryGauge(group, process.pid)
        try:
            reason = _pump(process, noise, on_output, stop, gauge.tick)
        finally:
            # Whatever ended the pump, an exception included: nothing of the build lives on.
            group.kill()
            _end(process)
    memory = gauge.finish()
    if reason:
        return Ending(status=137, stopped=reason, memory=memory)
    text = _status(root.channel / _STATUS)
    if text.isdecimal():
        return Ending(status=int(text), memory=memory)
    if text or (root.channel / _STATUS).is_dir() or (root.channel / _STATUS).is_symlink():
        # It began and was killed from outside, by the memory limit or an administrator; or the build bent the file.
        return Ending(status=137, memory=memory)
    said = noise.decode(errors="replace").strip()
    raise SandboxFailed(said or f"the sandbox ended with {process.returncode} before the command began")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends what no group held: a sandbox that may act on its own end takes its payload along."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
        process.kill()


def _status(path: Path) -> str:
    """Reads what the payload wrote of its end; the build could have put anything in its place."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        is_regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        return os.read(descriptor, 16).decode(errors="replace").strip() if is_regular else ""
    finally:
        os.close(descriptor)


def _pump(
    process: subprocess.Popen[bytes], noise: bytearray, on_output: Output, stop: Stop, measure: Callable[[], None]
) -> str:
    """Passes output on until both pipes are closed; gives the reason for an early end, else ""."""
    assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018 - pipes were asked for
    with selectors.DefaultSelector() as selector:
        for stream in (process.stdout, process.stderr):
            os.set_blocking(stream.fileno(), False)
            selector.register(stream, selectors.EVENT_READ)
        checked_at = 0.0
        while selector.get_map():
            for key, _ in selector.select(_TICK):
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.fileobj is process.stdout:
                    on_output(chunk)
                elif len(noise) < _NOISE_LIMIT:
                    noise += chunk
            if time.monotonic() - checked_at >= _TICK:
                checked_at = time.monotonic()
                measure()
                if reason := stop():
                    return reason
    process.wait()
    return ""
