"""How often, and after what pause, something is tried again when the machines, not the recipe, let it down."""

from datetime import timedelta

INFRASTRUCTURE_RETRIES = 5
BACK_OFF = timedelta(seconds=10)
BACK_OFF_LIMIT = timedelta(minutes=15)


def rest_after(failures: int) -> timedelta:
    """Gives the pause after so many failures before this one: doubled each time, up to a limit."""
    rest: timedelta = BACK_OFF * 2**failures
    return min(rest, BACK_OFF_LIMIT)
