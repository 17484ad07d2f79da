"""What one supervised process is: its name in the log, its command, what it adds to the environment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from signal import SIGTERM, Signals


@dataclass(frozen=True, kw_only=True)
class ProcessSpec:
    """One process to keep running.

    `stop_signal` ends it, and after `stop_seconds` it is killed. Its whole process group gets the signals.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    stop_signal: Signals = SIGTERM
    stop_seconds: float = 10.0
