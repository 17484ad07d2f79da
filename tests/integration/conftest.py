"""The test database of a run, which must be let go of before it can be dropped."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Collects what tests left before the database goes.

    A `requests.Session` ends its kept connections only when it is collected, whatever its `close` says; until then a
    thread of the live server serves them and holds a session of the database, which PostgreSQL then refuses to drop.
    """
    yield
    gc.collect()
