"""Runs the command inside the test's process and gives what it printed."""

import json
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner

from serpent_infra.cli.app import app


@dataclass(frozen=True)
class Ended:
    """How a run of the command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What was printed, as JSON."""
        return json.loads(self.out)


def serpent(*arguments: object) -> Ended:
    """Runs `serpent` with these arguments."""
    result = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    return Ended(result.exit_code, result.stdout, result.stderr)
