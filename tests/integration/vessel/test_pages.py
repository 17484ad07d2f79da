"""The pages of what is published."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.integration import pages
from tests.scenarios.farm import Farm
from vessel.changes import ChangeKind, changes_of
from vessel.models import Membership, Stone, Stream, Version

farm, strict_templates = pages.farm, pages.strict_templates
pytestmark = pytest.mark.usefixtures("strict_templates")


def text(client: Client, uri: str) -> str:
    response = client.get(uri)
    assert response.status_code == 200
    return response.content.decode()


def test_a_stream_lists_what_it_offers(client: Client, farm: Farm) -> None:
    html = text(client, "/channels/main/stream/volatile/")
    for name in ("ccache", "curl", "zlib"):
        assert f"/channels/main/packages/{name}/" in html
    html = text(client, "/channels/main/stream/volatile/?q=zl")
    assert "/channels/main/packages/curl/" not in html
    assert "No package matches" in text(client, "/channels/main/stream/volatile/?q=nothing")


def test_a_channel_says_how_to_point_moss_at_it(client: Client, farm: Farm) -> None:
    html = text(client, "/channels/main/")
    assert "--root-index channel=main,version=stream/volatile" in html
    assert "/main/stream/volatile/x86_64/stone.index" in html


def test_a_version_says_what_it_changed(client: Client, farm: Farm) -> None:
    upgrade = Version.objects.get(upgraded=1)
    html = text(client, f"/channels/main/versions/{upgrade.pk}/")
    assert "Upgraded" in html
    assert "1.3-1" in html
    assert "1.3.1-2" in html
    assert f"/main/history/{upgrade.pk}/x86_64/stone.index" in html


def test_changes_are_read_from_the_edges_of_memberships(farm: Farm) -> None:
    versions = Version.objects.order_by("identifier")
    kinds = [[(change.name, change.kind) for change in changes_of(version)] for version in versions]
    assert kinds == [
        [],
        [("zlib", ChangeKind.ADDED)],
        [("curl", ChangeKind.ADDED)],
        [("zlib", ChangeKind.UPGRADED)],
        [("ccache", ChangeKind.ADDED)],
    ]


def test_a_package_shows_its_stones_and_where_they_come_from(client: Client, farm: Farm) -> None:
    html = text(client, "/channels/main/packages/zlib/")
    assert "1.3.1-2" in html
    assert "soname(libc.so.6(x86_64))" in html
    assert "https://spdx.org/licenses/MPL-2.0.html" in html
    old = Stone.objects.get(name="zlib", version="1.3")
    assert f"{old.sha256}" in text(client, f"/channels/main/packages/zlib/?stone={old.sha256}")
    assert client.get("/channels/main/packages/zlib/?stone=odd").status_code == 404


@pytest.mark.parametrize(
    "uri",
    [
        "/channels/none/",
        "/channels/main/stream/none/",
        "/channels/main/versions/1/",
        "/channels/main/packages/none/",
        "/channels/main/versions/99999999999999999999999/",
    ],
)
def test_what_is_not_published_is_not_there(client: Client, farm: Farm, uri: str) -> None:
    assert client.get(uri).status_code == 404


@pytest.mark.parametrize(
    ("uri", "most"),
    [
        ("/channels/", 4),
        ("/channels/main/", 8),
        ("/channels/main/stream/volatile/", 4),
        ("/channels/main/versions/", 6),
        ("/channels/main/packages/zlib/", 5),
    ],
)
def test_a_page_costs_the_same_with_many_rows(
    client: Client, farm: Farm, django_assert_max_num_queries: DjangoAssertNumQueries, uri: str, most: int
) -> None:
    stone = Stone.objects.get(name="curl")
    stream = Stream.objects.get(name="volatile")
    first = Version.objects.order_by("identifier")[1]
    stones = Stone.objects.bulk_create(
        Stone(
            channel=stone.channel,
            sha256=f"{number:064d}",
            size=10,
            file_name=f"p{number}.stone",
            pool_path=f"pool/p{number}.stone",
            index_record=b"",
            name=f"p{number}",
            source_name=f"p{number}",
            version="1",
            release=1,
            build_release=1,
            architecture="x86_64",
            is_trusted=True,
            stored_at=farm.at,
        )
        for number in range(150)
    )
    Membership.objects.bulk_create(
        Membership(stream=stream, stone=one, name=one.name, architecture="x86_64", added_in=first) for one in stones
    )
    with django_assert_max_num_queries(most):
        client.get(uri)


def versions_of(farm: Farm) -> tuple[Version, Version]:
    first, *_, newest = Version.objects.order_by("identifier")
    return first, newest


def test_two_versions_are_compared_both_ways(client: Client, farm: Farm) -> None:
    first, newest = versions_of(farm)
    html = text(client, f"/channels/main/compare/?from={first.pk}&to={newest.pk}")
    assert "3 added, 0 upgraded, 0 removed" in " ".join(html.split())
    html = text(client, f"/channels/main/compare/?from={newest.pk}&to={first.pk}")
    assert "0 added, 0 upgraded, 3 removed" in " ".join(html.split())
    assert "They hold the same" in text(client, f"/channels/main/compare/?from={first.pk}&to={first.pk}")


@pytest.mark.parametrize("query", ["", "?from=x&to=y", "?from=1&to=2", f"?from={'9' * 30}&to=1"])
def test_odd_comparisons_are_not_there(client: Client, farm: Farm, query: str) -> None:
    assert client.get(f"/channels/main/compare/{query}").status_code == 404


def test_a_stream_is_rolled_back_by_those_who_may_and_after_a_look(client: Client, farm: Farm) -> None:
    first, newest = versions_of(farm)
    look = f"/channels/main/compare/?from={newest.pk}&to={first.pk}&stream=volatile"
    order = {"version": first.pk, "expected": newest.pk, "why": "zlib 1.3.1 breaks <b>everything</b>"}
    uri = "/channels/main/stream/volatile/move/"
    client.force_login(farm.people["rex"])
    assert "Move the stream" not in text(client, look)
    assert client.post(uri, order).status_code == 403
    client.force_login(farm.people["ada"])
    assert "Move the stream" in text(client, look)
    assert client.post(uri, {**order, "why": ""}).status_code == 400
    assert client.post(uri, order)["Location"] == "/channels/main/stream/volatile/"
    assert Stream.objects.get(name="volatile").version == first
    assert "zlib 1.3.1 breaks &lt;b&gt;everything" in text(client, "/channels/main/")
    # Whoever looked before that sees that it has moved on.
    late = client.post(uri, order)
    assert late.status_code == 409
    assert b"It has moved on" in late.content
