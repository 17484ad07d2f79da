"""Several publishers at once, as a worker with more than one process has them."""

import threading
from pathlib import Path

import pytest
from django.db import connection, connections

from tests.factories.vessel import bring_in, later, make_meta, make_stone, make_stream
from vessel import versions
from vessel.check import findings
from vessel.models import Import, Version
from vessel.states import ImportStatus

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite's test database is in memory, for one thread"),
]

THREADS = 4
IMPORTS = 4


def test_publishers_of_the_same_and_of_other_channels_do_not_disturb_each_other(stones: Path) -> None:
    streams = [make_stream(channel) for channel in ("main", "other")]
    problems: list[str] = []

    def publish(worker: int) -> None:
        channel = ("main", "other")[worker % 2]
        directory = stones / str(worker)
        directory.mkdir()
        try:
            for number in range(IMPORTS):
                stone = make_stone(directory, make_meta(f"p{worker}-{number}"))
                bring_in([stone], channel=channel, at=later(1))
        except Exception as error:  # noqa: BLE001 - shown below
            problems.append(repr(error))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=publish, args=(worker,)) for worker in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert set(Import.objects.values_list("status", flat=True)) == {ImportStatus.PUBLISHED}
    for stream in streams:
        stream.refresh_from_db()
        assert stream.version is not None
        assert stream.version.packages == THREADS * IMPORTS // 2
        lineage = list(Version.objects.filter(lineage=stream).order_by("pk"))
        assert [version.parent for version in lineage[1:]] == lineage[:-1]
        assert all(not versions.changes_of(version).removed for version in lineage)
        assert list(findings(stream.channel)) == []
    assert connection.vendor == "postgresql"
