"""The environment of every test run: a state directory of its own, and nothing inherited but the database.

A pytest plugin (`-p tests.environment`), because settings are read before any conftest.
"""

import atexit
import os
import shutil
import tempfile

from hypothesis import settings

KEPT = {"SERPENT_DATABASE_URL"}

for name in [name for name in os.environ if name.startswith("SERPENT_") and name not in KEPT]:
    del os.environ[name]

_state_dir = tempfile.mkdtemp(prefix="serpent-tests-")
atexit.register(shutil.rmtree, _state_dir, ignore_errors=True)
os.environ["SERPENT_STATE_DIR"] = _state_dir
os.mkdir(os.path.join(_state_dir, "static"))  # noqa: PTH102, PTH118 - whitenoise warns of a missing directory
# What passes once passes again: laws are tried on the same examples each time. To look for others:
# make test ARGS=--hypothesis-profile=explore
settings.register_profile("explore", print_blob=True)
settings.register_profile("steady", derandomize=True)
settings.load_profile("steady")
# Nobody listens there: a test's bells reach no farm that happens to run on this machine.
os.environ["SERPENT_BROKER_URL"] = "redis://127.0.0.1:1/0"
