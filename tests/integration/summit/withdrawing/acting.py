"""What tests of withdrawals do: publish, read as a client does, take a recipe out of git, and order."""

from datetime import timedelta
from pathlib import Path

from serpent_infra.accounts.models import User
from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.index import read_index
from summit import leftovers, withdrawing
from summit.leftovers import Leftover
from summit.models import Profile, Recipe, Withdrawal
from tests.factories import vessel as stones
from tests.factories.summit import AT, make_user


def publish(
    place: Path, name: str, *others: str, needs: tuple[str, ...] = (), release: int = 1, stream: str = "volatile"
) -> None:
    depends = frozenset(Capability.parse(text) for text in needs)
    metas = [
        stones.make_meta(
            one,
            "1.0",
            release,
            source_id=name,
            provides=frozenset({Capability.parse(f"binary({one})")}),
            depends=depends if one == name else frozenset(),
        )
        for one in (name, *others)
    ]
    made = [stones.make_stone(place / "stones", meta, content=f"{stream} {meta.name}".encode()) for meta in metas]
    subject = stones.bring_in(made, at=AT, stream=stream)
    assert subject.status == "published", subject.problem


def offered(place: Path, stream: str = "volatile") -> set[str]:
    """Reads a stream as a client does."""
    return {meta.name for meta in read_index(place / f"public/main/stream/{stream}/x86_64/stone.index")}


def remove(name: str, *, days: int = 0) -> Recipe:
    recipe = Recipe.objects.get(name=name)
    recipe.remove(at=AT - timedelta(days=days))
    return recipe


def left(profile: Profile, name: str = "nano") -> Leftover:
    [found] = leftovers.leftovers(profile.project, source_name=name)
    return found


def order(profile: Profile, name: str = "nano", *, confirmed: bool = False, by: User | None = None) -> Withdrawal:
    found = left(profile, name)
    actor = by or User.objects.filter(username="ada").first() or make_user()
    [row] = withdrawing.order(
        found, actor=actor, reason="nobody uses it", seen=found.seen, is_confirmed=confirmed, at=AT
    )
    return row
