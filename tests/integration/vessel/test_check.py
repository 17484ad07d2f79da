"""The check finds every kind of damage and calls a sound tree consistent."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from serpent_infra.formats.index import write_index
from tests.factories.vessel import AT, bring_in, later, make_meta, make_stone, make_stream
from vessel import tree
from vessel.models import Version

pytestmark = pytest.mark.django_db

POOL = "pool/v0/n/nano/nano-8.4-1-1-x86_64.stone"
INDEX = "history/1767225602/x86_64/stone.index"


@pytest.fixture
def base(stones: Path, public_dir: Path) -> Path:
    make_stream()
    bring_in([make_stone(stones, make_meta("nano"))], at=later(1))
    bring_in([make_stone(stones, make_meta("zlib"))], at=later(2))
    return public_dir / "main"


def check(*channels: str) -> tuple[str, bool]:
    output = StringIO()
    try:
        call_command("vessel_check", *channels, stdout=output)
    except CommandError:
        return output.getvalue(), False
    return output.getvalue(), True


def test_a_sound_tree_is_consistent(base: Path) -> None:
    assert base.exists()
    assert check() == ("consistent: main\n", True)
    assert check("main") == ("consistent: main\n", True)


def test_an_unknown_channel_is_an_error(base: Path) -> None:
    assert base.exists()
    assert check("other") == ("", False)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def reorder(path: Path) -> None:
    records = tree.index_records(Version.objects.latest("pk"))["x86_64"]
    with path.open("wb") as output:
        write_index(output, records[::-1])


def shorten(path: Path) -> None:
    records = tree.index_records(Version.objects.latest("pk"))["x86_64"]
    with path.open("wb") as output:
        write_index(output, records[:1])


DAMAGE: list[tuple[Callable[[Path], object], str, str]] = [
    (flip, POOL, "has sha256"),
    (Path.unlink, POOL, "cannot be read"),
    (flip, INDEX, "cannot be read"),
    (Path.unlink, INDEX, "cannot be read"),
    (reorder, INDEX, "not sorted"),
    (shorten, INDEX, "zlib is None, the rows say"),
    (lambda path: path.write_bytes(b""), "pool/v0/n/nano/stray.stone", "in no row"),
    (lambda path: path.write_bytes(b"{}"), "moss-root-index.json", "the root index cannot be read"),
    (Path.unlink, "moss-root-index.json", "the root index cannot be read"),
    (Path.unlink, ".current", "the root index cannot be read"),
    (Path.unlink, "stream/volatile", "stream volatile leads to"),
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found(base: Path, damage: tuple[Callable[[Path], object], str, str]) -> None:
    harm, path, words = damage
    harm(base / path)
    output, is_consistent = check()
    assert not is_consistent
    assert words in output
    assert all(line.startswith("main: ") for line in output.splitlines())


def test_a_version_that_was_never_finished_is_found(base: Path) -> None:
    assert base.exists()
    latest = Version.objects.latest("pk")
    Version.objects.create(identifier=latest.pk + 1, channel=latest.channel, lineage=latest.lineage, created_at=AT)
    assert "was begun and never finished" in check()[0]
