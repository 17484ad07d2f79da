"""Why the hub refuses what a builder says; each reason has a stable code that the wire carries."""


class Refusal(Exception):
    """What a builder asked for or reported cannot be accepted."""

    code = "refused"


class NotOffered(Refusal):
    """The attempt is not on offer to this slot, or no longer."""

    code = "not-offered"


class StaleLease(Refusal):
    """The epoch shown is not the attempt's: somebody else holds the lease, or nobody."""

    code = "stale-lease"


class AttemptClosed(Refusal):
    """The attempt has ended; nothing can be added."""

    code = "attempt-closed"


class LogGap(Refusal):
    """The log on the hub ends before the offset; `size` says where to go on."""

    code = "log-gap"

    def __init__(self, size: int) -> None:
        super().__init__(f"The log has {size} bytes; go on from there.")
        self.size = size


class LogLimit(Refusal):
    """The log has reached the order's limit."""

    code = "log-limit"


class InvalidField(Refusal):
    """One field of a message, well formed as it is, says what cannot be."""

    code = "invalid"

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem
