"""What it costs to publish one package into a full channel, and to move its stream back."""

from pathlib import Path
from time import perf_counter

import pytest
from pytest_django import Settings

from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.index import encode_entry
from serpent_infra.formats.root_index import package_uri, pool_path
from tests.bench.tables import Sample, milliseconds, print_table
from tests.factories.vessel import AT, bring_in, later, make_meta, make_stone, make_stream
from vessel import offer, publish, versions
from vessel.models import Stone, Stream

pytestmark = [pytest.mark.bench, pytest.mark.django_db]

ROUNDS = 10


def fill(stream: Stream, count: int) -> None:
    """Publishes packages that have rows and index records, and no files: nobody reads them here."""
    stones = []
    for number in range(count):
        meta = make_meta(
            f"package-{number}",
            provides=frozenset(Capability.parse(f"soname(lib{number}-{part}.so.1(x86_64))") for part in range(4)),
            depends=frozenset(Capability.parse(f"soname(lib{number + part}-0.so.1(x86_64))") for part in range(6)),
        )
        sha256 = f"{number:064x}"
        stones.append(
            Stone.describe(
                channel=stream.channel,
                meta=meta,
                sha256=sha256,
                size=1000,
                pool_path=pool_path(meta),
                index_record=encode_entry(meta, uri=package_uri(meta), sha256=sha256, size=1000),
                is_trusted=True,
                provenance={},
                at=AT,
            )
        )
    Stone.objects.bulk_create(stones, batch_size=500)
    contents = {item.key: item for item in map(publish._item, Stone.objects.light())}
    publish.finish(publish.make_version(stream, {}, contents, at=later(1)), at=later(1))
    stream.refresh_from_db()


@pytest.mark.parametrize("count", [4_000, 20_000])
def test_publishing_one_package(count: int, tmp_path: Path, settings: Settings) -> None:
    settings.SERPENT_PUBLIC_DIR = tmp_path / "public"
    settings.SERPENT_IMPORTS_DIR = tmp_path / "imports"
    stream = make_stream()
    fill(stream, count)
    samples: dict[str, list[float]] = {"import, verify, publish": [], "roll back": [], "read a version": []}

    def measure(name: str, begin: float) -> None:
        samples[name].append(perf_counter() - begin)

    for number in range(ROUNDS):
        before = stream.version
        path = make_stone(tmp_path, make_meta(f"package-{number}", release=2))
        begin = perf_counter()
        subject = bring_in([path], at=later(2 + number))
        measure("import, verify, publish", begin)
        stream.refresh_from_db()
        after = stream.version
        assert before is not None
        assert after is not None
        assert subject.version == after
        begin = perf_counter()
        versions.move_stream(stream=stream, version=before, expected=after, who="", why="", at=later(99))
        measure("roll back", begin)
        begin = perf_counter()
        assert len(offer.packages(after, architecture="x86_64")) == count
        measure("read a version", begin)
        versions.move_stream(stream=stream, version=after, expected=before, who="", why="", at=later(99))
    print_table(
        f"One package into a channel of {count:,}",
        how=f"{ROUNDS} rounds, files synced to disk, the test database.",
        header=["step", "median", "worst"],
        rows=[
            [sample.name, milliseconds(sample.median), milliseconds(max(sample.seconds))]
            for sample in (Sample(name, seconds) for name, seconds in samples.items())
        ],
    )
