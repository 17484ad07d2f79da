"""Follows a build log while it grows, as server-sent events.

Each event `log` carries whole lines as JSON `{"offset": first byte, "text": …}`; its id is the offset behind them, so
that a browser that comes back goes on where it was. The event `end` says `{"status": …}`: nothing follows it. A stream
that reaches its longest duration just closes, and the browser reconnects.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK_BYTES = 64 * 1024
POLL_SECONDS = 0.25
STATUS_SECONDS = 1.0  # how often, while the log is silent, the attempt's state is asked for
HEARTBEAT_SECONDS = 15.0
LONGEST_SECONDS = 30 * 60.0


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Where time comes from; tests bring their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def follow(
    path: Path, *, offset: int, ended_as: Callable[[], str | None], clock: Clock | None = None
) -> Iterator[bytes]:
    """Yields events from `offset` on until `ended_as` names a state and the log has been told to its end."""
    clock = clock or Clock()
    began = spoke = clock.now()
    asked = float("-inf")
    yield b"retry: 2000\n\n"
    while clock.now() - began < LONGEST_SECONDS:
        status = None
        if clock.now() - asked >= STATUS_SECONDS:
            # Asked before the log is read: whatever an ended attempt logged is then in the file.
            status, asked = ended_as(), clock.now()
        block = _read(path, offset)
        told = _whole_lines(block, is_last=status is not None)
        if told:
            yield _event("log", {"offset": offset, "text": told.decode(errors="replace")}, offset + len(told))
            offset += len(told)
            spoke = clock.now()
            if status is not None:
                asked = float("-inf")  # more may follow before the end can be said
        elif status is not None:
            yield _event("end", {"status": status}, offset)
            return
        else:
            if clock.now() - spoke >= HEARTBEAT_SECONDS:
                yield b": still here\n\n"
                spoke = clock.now()
            clock.sleep(POLL_SECONDS)


def _read(path: Path, offset: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(BLOCK_BYTES)
    except FileNotFoundError:
        return b""


def _whole_lines(block: bytes, *, is_last: bool) -> bytes:
    """Gives the block up to its last line end; all of it when no line end will come soon."""
    end = block.rfind(b"\n") + 1
    if end:
        return block[:end]
    return block if is_last or len(block) == BLOCK_BYTES else b""


def _event(name: str, data: dict[str, object], identifier: int) -> bytes:
    return f"id: {identifier}\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode()
