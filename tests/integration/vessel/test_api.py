"""Channels, versions and packages over REST."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from serpent_infra.accounts.models import User
from tests.factories.vessel import bring_in, later, make_meta, make_stone, make_stream
from vessel.models import Stream, StreamMove, Tag, Version

pytestmark = pytest.mark.django_db

BASE = "/api/v1/channels/"


@pytest.fixture
def history(stones: Path) -> list[int]:
    make_stream()
    bring_in([make_stone(stones, make_meta("nano", release=1))], at=later(1))
    bring_in([make_stone(stones, make_meta("zlib", release=1))], at=later(2))
    bring_in([make_stone(stones, make_meta("nano", release=2))], at=later(3))
    return list(Version.objects.order_by("identifier").values_list("pk", flat=True))


@pytest.fixture
def ann() -> Client:
    user = User.objects.create_user("ann")
    user.user_permissions.set(Permission.objects.filter(codename__in=["change_stream", "add_tag"]))
    client = Client()
    client.force_login(user)
    return client


def read(path: str) -> Any:
    response = Client().get(BASE + path)
    assert response.status_code == 200, response.content
    return response.json()


def test_channels_are_listed_with_their_pointers(history: list[int]) -> None:
    (channel,) = read("")["results"]
    assert (channel["name"], channel["is_official"]) == ("main", True)
    assert [(stream["name"], stream["version"]) for stream in channel["streams"]] == [("volatile", history[-1])]
    assert read("main/") == channel


def test_versions_are_listed_newest_first(
    history: list[int], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(3):
        versions = read("main/versions/")["results"]
    assert [version["identifier"] for version in versions] == history[::-1]
    newest = read(f"main/versions/{history[-1]}/")
    assert newest == versions[0]
    assert (newest["stream"], newest["built_on"], newest["summary"]) == ("volatile", history[-2], "nano 8.4-2")
    assert (newest["added"], newest["upgraded"], newest["removed"], newest["packages"]) == (0, 1, 0, 2)


def test_changes_are_told_against_the_parent_or_any_version(history: list[int]) -> None:
    changes = read(f"main/versions/{history[-1]}/changes/")
    assert (changes["added"], changes["removed"]) == ([], [])
    assert [(change["old"]["release"], change["new"]["release"]) for change in changes["replaced"]] == [(1, 2)]
    back = read(f"main/versions/{history[1]}/changes/?against={history[3]}")
    assert [item["name"] for item in back["removed"]] == ["zlib"]


def test_packages_are_searched(history: list[int]) -> None:
    path = f"main/versions/{history[-1]}/packages/"
    packages = read(path)["results"]
    assert [(package["name"], package["release"]) for package in packages] == [("nano", 2), ("zlib", 1)]
    assert packages[0]["provides"] == ["binary(nano)"]
    assert packages[0]["provenance"]["builder"] == "embedded"
    assert [package["name"] for package in read(f"{path}?q=LIB")["results"]] == ["zlib"]
    assert [package["name"] for package in read(f"{path}?source=nano")["results"]] == ["nano"]
    assert read(f"{path}?architecture=aarch64")["results"] == []


@pytest.mark.parametrize("path", ["other/", "main/versions/7/", "main/versions/7/packages/", "other/versions/"])
def test_what_is_not_there_is_a_problem_with_a_code(history: list[int], path: str) -> None:
    assert history
    response = Client().get(BASE + path)
    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


def test_a_stream_is_moved_by_those_who_may(ann: Client, history: list[int]) -> None:
    wish = {"version": history[1], "expected": history[3], "why": "nano 2 is broken"}
    response = ann.post(BASE + "main/streams/volatile/move/", wish, content_type="application/json")
    assert response.status_code == 200, response.content
    assert response.json()["version"] == history[1]
    move = StreamMove.objects.latest("pk")
    assert (move.who, move.why) == ("ann", "nano 2 is broken")
    again = ann.post(BASE + "main/streams/volatile/move/", wish, content_type="application/json")
    assert again.status_code == 409
    assert again.json()["code"] == "conflict"


def test_nobody_else_moves_or_tags(history: list[int]) -> None:
    client = Client()
    client.force_login(User.objects.create_user("bob"))
    move = {"version": history[1], "expected": history[3], "why": "x"}
    tag = {"name": "t", "version": history[1]}
    for who in (client, Client()):
        for path, wish in (("main/streams/volatile/move/", move), ("main/tags/", tag)):
            assert who.post(BASE + path, wish, content_type="application/json").status_code in {401, 403}
    assert Stream.objects.get().version_id == history[3]
    assert not Tag.objects.exists()


@pytest.mark.parametrize("wish", [{}, {"version": "x"}, {"version": 1, "expected": 2}])
def test_a_wish_that_makes_no_sense_is_a_problem_of_the_asker(
    ann: Client, history: list[int], wish: dict[str, object]
) -> None:
    assert history
    response = ann.post(BASE + "main/streams/volatile/move/", wish, content_type="application/json")
    assert response.status_code == 400
    assert response.json()["code"] == "invalid"


def test_a_tag_is_given_and_taken(ann: Client, history: list[int]) -> None:
    wish = {"name": "2026-01", "version": history[2]}
    assert ann.post(BASE + "main/tags/", wish, content_type="application/json").status_code == 201
    assert read("main/")["tags"][0]["who"] == "ann"
    other = {"name": "2026-01", "version": history[1]}
    assert ann.post(BASE + "main/tags/", other, content_type="application/json").status_code == 409
    assert ann.delete(BASE + "main/tags/2026-01/").status_code == 204
    assert read("main/")["tags"] == []


@pytest.mark.parametrize("page", ["channel", "stream", "streammove", "tag", "version", "stone", "import"])
def test_administrators_see_everything_and_edit_nothing(admin_client: Client, history: list[int], page: str) -> None:
    assert history
    assert admin_client.get(f"/admin/vessel/{page}/").status_code == 200
    assert admin_client.get(f"/admin/vessel/{page}/add/").status_code == 403
