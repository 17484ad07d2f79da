"""A process in a farm's own environment: rings as a webhook would, and reads the clocks of the farm's tables.

It stays up, because starting Python would take longer than what is measured. One request a line of JSON on standard
input, one answer a line on standard output.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any

from tests.e2e.running_farm import ROOT


@dataclass(frozen=True)
class Build:
    """The moments of one build, as the tables of the three apps have them."""

    name: str
    release: int
    status: str
    slot: int
    created_at: datetime
    offered_at: datetime
    started_at: datetime
    ended_at: datetime
    import_requested_at: datetime | None
    import_verified_at: datetime | None
    import_closed_at: datetime | None
    phases: dict[str, float]  # seconds, as the builder reported them


class Farmhand:
    """The other side of the process."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.farmhand"],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ring(self, project: str, repository: str) -> None:
        """Says that something was pushed; returns once the bell is rung."""
        self._ask({"ring": [project, repository]})

    def builds(self) -> list[Build]:
        """Reads all ended attempts, the earliest first."""
        rows: list[dict[str, Any]] = self._ask({"builds": True})
        for row in rows:
            row |= {name: _moment(value) for name, value in row.items() if name.endswith("_at")}
        return [Build(**row) for row in rows]

    def ended_builds(self) -> int:
        """Counts the ended attempts."""
        count: int = self._ask({"ended": True})
        return count

    def open_builds(self) -> int:
        """Counts the builds that are not over."""
        count: int = self._ask({"open": True})
        return count

    def stop(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.wait(10)

    def _ask(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(request)}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def serve(requests: IO[str], answers: IO[str]) -> None:
    """Answers until the other side closes."""
    for line in requests:
        answers.write(f"{json.dumps(_answer(json.loads(line)), default=datetime.isoformat)}\n")
        answers.flush()


def _answer(request: dict[str, Any]) -> object:
    from django.utils import timezone  # noqa: PLC0415 - only after setup

    from summit import doorbell  # noqa: PLC0415 - likewise
    from summit.models import BuildTask, Repository  # noqa: PLC0415 - likewise

    if "ring" in request:
        project, slug = request["ring"]
        repository = Repository.objects.get(project__slug=project, slug=slug)
        repository.request_refresh(at=timezone.now())
        doorbell.ring(doorbell.REFRESH, repository=repository.pk)
        return None
    if "open" in request:
        return BuildTask.objects.open().count()
    return _count_ended() if "ended" in request else _ended_builds()


def _count_ended() -> int:
    from avalanche.models import Attempt  # noqa: PLC0415 - only after setup

    return Attempt.objects.closed().count()


def _ended_builds() -> list[dict[str, object]]:
    from avalanche.models import Attempt  # noqa: PLC0415 - only after setup
    from summit.models import AttemptRef  # noqa: PLC0415 - likewise
    from vessel.models import Import  # noqa: PLC0415 - likewise

    references = {row.attempt: row for row in AttemptRef.objects.select_related("task")}
    imports = {row.reference: row for row in Import.objects.all()}
    rows: list[dict[str, object]] = []
    for attempt in (
        Attempt.objects.closed().select_related("slot").prefetch_related("phase_times").order_by("started_at")
    ):
        reference = references[attempt.pk]
        imported = imports.get(reference.import_reference)
        rows.append(
            {
                "name": reference.task.source_name,
                "release": reference.task.release,
                "status": attempt.status,
                "slot": attempt.slot.index,
                "created_at": reference.task.created_at,
                "offered_at": attempt.offered_at,
                "started_at": attempt.started_at,
                "ended_at": attempt.ended_at,
                "import_requested_at": imported and imported.requested_at,
                "import_verified_at": imported and imported.verified_at,
                "import_closed_at": imported and imported.closed_at,
                "phases": {phase.name: phase.seconds for phase in attempt.phase_times.all()},
            }
        )
    return rows


if __name__ == "__main__":
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "serpent_infra.settings")
    django.setup()
    serve(sys.stdin, sys.stdout)
