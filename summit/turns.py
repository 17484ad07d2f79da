"""One dispatch at a time on a host: a bell that rings while one runs means one more run, by whoever runs already.

Two at once look at the same slots and tasks, and all but one of each pair's offers are in vain. That is a waste and
never wrong: compare-and-set decides, so a lock that is lost, or another host's dispatch, costs nothing but that.
"""

import fcntl
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

# A worker that has done so many in a row goes on with what else waits for it.
MOST_IN_A_ROW = 8


def take_turns(run: Callable[[], object]) -> bool:
    """Runs until no wish is left, unless somebody else does; False where wishes are left after many runs.

    Whoever wishes and finds the lock taken may leave: the holder looks for wishes once more after it has let go. A run
    that fails is not repeated; the sweep's is as good.
    """
    directory: Path = settings.SERPENT_STATE_DIR
    directory.mkdir(parents=True, exist_ok=True)
    wish = directory / "dispatch.wish"
    wish.touch()
    runs = 0
    while wish.exists():
        with (directory / "dispatch.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            while _grant(wish):
                if runs == MOST_IN_A_ROW:
                    wish.touch()
                    return False
                run()
                runs += 1
    return True


def _grant(wish: Path) -> bool:
    """Takes a wish away before it is fulfilled: what is wished from then on is another one."""
    try:
        wish.unlink()
    except FileNotFoundError:
        return False
    return True
