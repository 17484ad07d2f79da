"""Programs that packaging needs (objcopy, strip, pkg-config), run inside the build root by one waiting shell.

They read files that a build has made, so they run where the build ran. Starting a sandbox takes a tenth of a second and
packaging wants hundreds of programs: so one shell in the sandbox waits for requests. The parent-death signal wants
the sandbox started from the main thread; packaging therefore runs in the other one.
"""

import os
import select
import shutil
import stat
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from avalanche.agent.limits import BuildStopped, Stopped
from avalanche.agent.sandbox.protocol import Bind, BuildRoot, Command, SandboxFailed
from avalanche.agent.tools.protocol import Job
from serpent_infra.formats.packaging.tools import ToolResult

Result = TypeVar("Result")

_GUEST = "/run/tools"
_SERVE = """
cd /run/tools && exec 3< requests 4> answers || exit
while IFS= read -r number <&3; do
    mapfile -d '' -t argv < "$number.argv"
    "${argv[@]}" > "$number.out" 2> "$number.err" < /dev/null 3<&- 4>&-
    echo "$number $?" >&4
done
""".strip()
_OUTPUT_LIMIT = 1 << 20
_LOOK_SECONDS = 0.1


class ToolsEnded(Exception):
    """The shell in the sandbox is gone; why is known to whoever runs it."""


class GuestTools:
    """Runs programs through the waiting shell; one caller at a time."""

    def __init__(self, directory: Path, requests: int, answers: int, ended: threading.Event) -> None:
        self._directory = directory
        self._requests = requests
        self._answers = answers
        self._ended = ended
        self._number = 0

    def run(self, arguments: Sequence[str]) -> ToolResult:
        """Runs one program to its end and gives both its outputs; raises `ToolsEnded`."""
        self._number += 1
        base = self._directory / str(self._number)
        Path(f"{base}.argv").write_bytes(b"".join(os.fsencode(argument) + b"\0" for argument in arguments))
        os.write(self._requests, f"{self._number}\n".encode())
        status = self._answer()
        result = ToolResult(status, _text(Path(f"{base}.out")), _text(Path(f"{base}.err")))
        for kind in ("argv", "out", "err"):
            Path(f"{base}.{kind}").unlink(missing_ok=True)
        return result

    def _answer(self) -> int:
        line = b""
        while not line.endswith(b"\n"):
            readable, _, _ = select.select([self._answers], [], [], _LOOK_SECONDS)
            if readable:
                line += os.read(self._answers, 64)
            elif self._ended.is_set():
                raise ToolsEnded
        number, _, status = line.decode(errors="replace").strip().partition(" ")
        if number != str(self._number) or not status.isdecimal():
            raise ToolsEnded
        return int(status)


def with_guest_tools(
    job: Job, root: BuildRoot, binds: tuple[Bind, ...], work: Callable[[GuestTools], Result]
) -> Result:
    """Does `work` in a thread, with programs at hand; gives what it gives and raises what it raises.

    Also raises `BuildStopped` and `SandboxFailed`.
    """
    directory = job.workspace.directory / "tools"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    for name in ("requests", "answers"):
        os.mkfifo(directory / name)
    # Opened for reading and writing, neither end waits for the other; the shell's end of file comes with our close.
    requests = os.open(directory / "requests", os.O_RDWR)
    answers = os.open(directory / "answers", os.O_RDWR)
    ended, done = threading.Event(), threading.Event()
    results: list[Result] = []
    errors: list[BaseException] = []

    def labour() -> None:
        try:
            results.append(work(GuestTools(directory, requests, answers, ended)))
        except BaseException as error:  # noqa: BLE001 - carried over to the caller's thread
            errors.append(error)
        finally:
            os.close(requests)
            os.close(answers)
            done.set()

    command = Command(
        argv=["/usr/bin/bash", "-c", _SERVE],
        environment={"PATH": "/usr/bin:/usr/sbin", "HOME": "/tmp", "LC_ALL": "C.UTF-8"},  # noqa: S108 - the guest's
        binds=(*binds, Bind(source=directory, target=_GUEST, is_writable=True)),
    )
    # Work that is stopped is not waited for: it finds its shell gone, or its workspace.
    thread = threading.Thread(target=labour, name="packaging", daemon=True)
    thread.start()
    try:
        ending = job.means.sandbox.run(
            root, command, on_output=job.journal.write, stop=lambda: "done" if done.is_set() else job.watch.reason()
        )
    finally:
        ended.set()
    if ending.stopped not in {"done", ""}:
        raise BuildStopped(Stopped(ending.stopped))
    thread.join()
    if errors and isinstance(errors[0], ToolsEnded):
        raise SandboxFailed(f"the shell that runs packaging's programs ended with {ending.status}")
    if errors:
        raise errors[0]
    return results[0]


def _text(path: Path) -> str:
    """Reads a program's output; the build could have put anything in its place."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ToolsEnded
    with os.fdopen(descriptor, "rb") as file:
        return file.read(_OUTPUT_LIMIT).decode(errors="replace")
