"""Runs `git` where the network is: it asks nobody anything, has a time limit, and leaves no child behind."""

import os
import re
import signal
import subprocess
from pathlib import Path

from serpent_infra.git.errors import GitError

# No prompts, no protocols that run commands, messages in one language.
_ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=20 -o ServerAliveInterval=10 -o ServerAliveCountMax=3",
    # A server that says nothing for half a minute is given up long before the time allowed is over.
    "GIT_HTTP_LOW_SPEED_LIMIT": "100",
    "GIT_HTTP_LOW_SPEED_TIME": "30",
    "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
    "LC_ALL": "C",
}
# Variables that would point git at another repository than the one we name.
_FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_PREFIX")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


def run_git(*arguments: str, timeout: float, directory: Path | None = None) -> str:
    """Runs `git` and gives its standard output.

    Raises `GitError` with git's own complaint when it fails, or after `timeout` seconds; its processes are gone then.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _FOREIGN} | _ENVIRONMENT
    process = subprocess.Popen(
        # When this process is killed, git must not go on writing where the next one writes.
        ["setpriv", "--pdeathsig", "KILL", "git", *arguments],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    with process:
        try:
            output, errors = process.communicate(timeout=max(timeout, 0.01))
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if isinstance(error, subprocess.TimeoutExpired):
                raise GitError(f"git {_verb(arguments)} took longer than {timeout:.0f} s and was ended") from None
            raise
    if process.returncode != 0:
        raise GitError(f"git {_verb(arguments)}: {without_credentials(_complaint(errors))}")
    return output


def without_credentials(text: str) -> str:
    """Blanks user names and passwords in addresses, so that no message carries them."""
    return _CREDENTIALS.sub("", text)


def _verb(arguments: tuple[str, ...]) -> str:
    skip = False
    for argument in arguments:
        if skip:
            skip = False
        elif argument == "-c":
            skip = True
        elif not argument.startswith("-"):
            return argument
    return ""


def _complaint(errors: str) -> str:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "ERROR:"))] or lines
    return telling[0][:500] if telling else "failed without saying why"
