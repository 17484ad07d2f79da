"""A log as server-sent events, under a clock of the test's own."""

import json
from collections.abc import Callable
from pathlib import Path

from avalanche.following import BLOCK_BYTES, HEARTBEAT_SECONDS, LONGEST_SECONDS, Clock, follow


class Time:
    """A clock that moves when somebody sleeps, and does something at each step."""

    def __init__(self, on_sleep: Callable[[int], None] = lambda _: None) -> None:
        self.now = 0.0
        self.slept = 0
        self.on_sleep = on_sleep

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += 1
        self.on_sleep(self.slept)

    def clock(self) -> Clock:
        return Clock(now=lambda: self.now, sleep=self.sleep)


def told(events: list[bytes]) -> list[tuple[str, int, object]]:
    found = []
    for event in events:
        lines = dict(line.split(": ", 1) for line in event.decode().splitlines() if ": " in line)
        if "event" in lines:
            found.append((lines["event"], int(lines["id"]), json.loads(lines["data"])))
    return found


def test_an_ended_log_is_told_to_its_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes("configure\nmake ✓\nno newline".encode())
    events = told(list(follow(log, offset=0, ended_as=lambda: "failed", clock=Time().clock())))
    assert events == [
        ("log", 19, {"offset": 0, "text": "configure\nmake ✓\n"}),
        ("log", 29, {"offset": 19, "text": "no newline"}),
        ("end", 29, {"status": "failed"}),
    ]


def test_a_follower_goes_on_where_it_was(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"one\ntwo\n")
    events = told(list(follow(log, offset=4, ended_as=lambda: "succeeded", clock=Time().clock())))
    assert [event[2] for event in events] == [{"offset": 4, "text": "two\n"}, {"status": "succeeded"}]


def test_lines_are_told_once_they_are_whole(tmp_path: Path) -> None:
    log = tmp_path / "log"
    ended: list[str] = []

    def build(step: int) -> None:
        with log.open("ab") as file:
            file.write(b"half")
        if step == 2:
            with log.open("ab") as file:
                file.write(b"\n")
        if step == 3:
            ended.append("succeeded")

    events = told(list(follow(log, offset=0, ended_as=lambda: ended[0] if ended else None, clock=Time(build).clock())))
    texts = [event[2]["text"] for event in events if event[0] == "log"]  # type: ignore[index]
    assert texts[0] == "halfhalf\n"
    assert "".join(texts) == log.read_text()
    assert events[-1][0] == "end"


def test_a_line_without_end_is_told_when_it_fills_a_block(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"x" * (BLOCK_BYTES + 10))
    stream = follow(log, offset=0, ended_as=lambda: None, clock=Time().clock())
    (event,) = told([next(stream), next(stream)])
    assert event[1] == BLOCK_BYTES


def test_silence_is_filled_with_heartbeats_and_bounded(tmp_path: Path) -> None:
    time = Time()
    events = list(follow(tmp_path / "none", offset=0, ended_as=lambda: None, clock=time.clock()))
    assert time.now >= LONGEST_SECONDS
    beats = [event for event in events if event.startswith(b":")]
    assert len(beats) >= LONGEST_SECONDS // HEARTBEAT_SECONDS - 1


def test_markup_and_line_ends_of_a_log_cannot_break_out_of_the_event(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"data: x\r\revent: end\r\n\xff<script>\n")
    events = list(follow(log, offset=0, ended_as=lambda: "lost", clock=Time().clock()))
    (first, _) = told(events)
    assert first[2] == {"offset": 0, "text": "data: x\r\revent: end\r\n\ufffd<script>\n"}
    assert events[1].count(b"\n") == 4
    assert b"\r" not in events[1]
