"""A collection of recipes that are wrong in every way but one: each says what is wrong, and holds up nobody else."""

import hashlib
import html
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from serpent_infra.demo import proof
from serpent_infra.demo.collection import Collection
from serpent_infra.wire.reports import FailureKind
from tests.e2e.running_farm import ROOT, RunningFarm, farm_environment, running_farm

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("farm")]

RECIPES = ROOT / "tests" / "data" / "bad_input"
PROJECT, REPOSITORY = "wrong", "recipes"
UPSTREAM = "http://upstream.invalid"
SERVED = b"This is not what the recipe pins.\n"
BUILD_SECONDS = 240
PLANNED = {
    *("sound", "wrong-hash", "vanished", "fails", "outside-usr", "unknown-macro"),
    *("needs-fails", "needs-nothing-known"),
}
OVER = {"completed", "failed", "cancelled", "superseded", "blocked"}


@dataclass(frozen=True)
class Site:
    """A farm that has taken the collection in."""

    farm: RunningFarm
    collection: Collection
    upstream: str
    token: str

    def api(self, path: str, **asked: str) -> Any:
        answer = requests.get(f"{self.farm.hub_url}/api/v1/{path}", params=asked, timeout=20)
        answer.raise_for_status()
        return answer.json()

    def builds(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api("builds/", project=PROJECT)["results"]
        return found

    def build(self, name: str) -> dict[str, Any]:
        """Gives the latest build of a recipe with all that the API tells of it."""
        latest = self.api("builds/", project=PROJECT, name=name)["results"][0]
        found: dict[str, Any] = self.api(f"builds/{latest['id']}/")
        return found

    def page(self, path: str) -> str:
        """Reads a page as a visitor; it answers, and shows no traceback."""
        answer = requests.get(f"{self.farm.hub_url}{path}", timeout=20)
        assert answer.status_code == requests.codes.ok, (path, answer.status_code)
        assert "Traceback" not in answer.text, path
        return answer.text

    def published(self) -> dict[str, str]:
        """Follows the root index as a client does; gives the release of every published package by name."""
        found = proof.read_published(
            base_uri=f"{self.farm.hub_url}/repository", channel=PROJECT, stream="volatile", architecture="x86_64"
        )
        return {meta.name: f"{meta.version}-{meta.release}" for meta in found.packages}


class _Upstream(SimpleHTTPRequestHandler):
    """Serves one directory and says nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the base class has
        pass


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An upstream site on loopback that has `changed.txt` and nothing else."""
    directory = tmp_path_factory.mktemp("upstream")
    (directory / "changed.txt").write_bytes(SERVED)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Upstream, directory=str(directory))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def site(upstream: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The farm after all builds have ended as they can."""
    place = tmp_path_factory.mktemp("bad-input")
    shutil.copytree(RECIPES, place / "recipes")
    for recipe in (place / "recipes").glob("*/stone.yaml"):
        recipe.write_text(recipe.read_text().replace(UPSTREAM, upstream))
    collection = Collection(place / "git")
    collection.create(place / "recipes")
    with running_farm(["up"], farm_environment(place / "state")) as farm:
        farm.wait_until_up()
        farm.manage("add_project", PROJECT)
        farm.manage("add_repository", PROJECT, str(collection.origin), "--slug", REPOSITORY)
        made = Site(farm=farm, collection=collection, upstream=upstream, token=_token(farm))
        farm.wait_until(lambda: _is_over(made), seconds=BUILD_SECONDS, what="the end of all builds")
        yield made


def _token(farm: RunningFarm) -> str:
    """Makes an administrator, and a token by which a script acts for them."""
    lines = farm.manage(
        "shell",
        "-c",
        "from serpent_infra.accounts.models import ServiceToken, User\n"
        "admin = User.objects.create_superuser('admin', 'admin@example.org', None)\n"
        "print(ServiceToken.issue(owner=admin, name='ci', is_read_only=False, expires_at=None)[1])",
    )
    return lines.split()[-1]


def _is_over(site: Site) -> bool:
    builds = site.builds()
    return {build["source_name"] for build in builds} >= PLANNED and all(build["status"] in OVER for build in builds)


@pytest.mark.parametrize(
    ("name", "kind", "sentence", "excerpt"),
    [
        ("wrong-hash", FailureKind.HASH_MISMATCH, "the recipe pins 0000000000", ""),
        ("vanished", FailureKind.FETCH, "the server answered 404", ""),
        ("fails", FailureKind.PHASE, "ended with status 7", "fails.c:42: error: the flux does not compute"),
        ("outside-usr", FailureKind.PACKAGING, "outside /usr", "/opt/outside/file"),
        ("unknown-macro", FailureKind.RECIPE, "install_by_magic", ""),
    ],
)
def test_a_build_fails_by_its_own_kind(site: Site, name: str, kind: FailureKind, sentence: str, excerpt: str) -> None:
    build = site.build(name)
    assert (build["status"], build["failure_kind"]) == ("failed", kind.value), build["problem"]
    assert sentence in build["problem"]
    assert build["problem"].rstrip(".") in build["explanation"]
    (attempt,) = build["attempts"]  # a packager's failure is not tried again
    assert (attempt["status"], attempt["failure_kind"]) == ("failed", kind.value)
    assert excerpt in attempt["failure_excerpt"]
    page = html.unescape(site.page(f"/builds/{build['id']}/"))
    assert build["problem"] in page
    assert excerpt in page


def test_a_wrong_upstream_is_named_with_the_hash_that_it_has(site: Site) -> None:
    problem = site.build("wrong-hash")["problem"]
    assert f"{site.upstream}/changed.txt" in problem
    assert hashlib.sha256(SERVED).hexdigest() in problem


@pytest.mark.parametrize(
    ("name", "reason", "sentence"),
    [
        ("needs-nothing-known", "missing", "pkgconfig(nobody-provides-this)"),
        ("needs-fails", "failed-need", "needs fails 1.0-1"),
    ],
)
def test_what_cannot_be_built_is_blocked_and_says_why(site: Site, name: str, reason: str, sentence: str) -> None:
    build = site.build(name)
    assert (build["status"], build["block_reason"]) == ("blocked", reason)
    assert sentence in build["problem"]
    assert build["attempts"] == []
    assert sentence in html.unescape(site.page(f"/builds/{build['id']}/"))


@pytest.mark.parametrize(
    ("name", "line", "sentence"),
    [("does-not-parse", 3, "'release' is 'first'"), ("no-yaml", 5, "did not find expected ',' or ']'")],
)
def test_a_recipe_that_does_not_parse_shows_the_line(site: Site, name: str, line: int, sentence: str) -> None:
    (recipe,) = site.api("recipes/", project=PROJECT, broken="true", name=name)["results"]
    assert recipe["error_line"] == line
    assert sentence in recipe["error"]
    for path in (f"/~/{PROJECT}/{REPOSITORY}/{name}", f"/~/{PROJECT}/{REPOSITORY}?state=broken"):
        page = html.unescape(site.page(path))
        assert f"Line {line}" in page
        assert sentence in page
    assert name not in {build["source_name"] for build in site.builds()}


def test_the_sound_neighbour_is_published_and_nothing_else(site: Site) -> None:
    assert site.build("sound")["status"] == "completed"
    assert site.published() == {"sound": "1.0-1"}
    # The empty one that a stream begins with, and the one that took the package in.
    assert [version["packages"] for version in site.api(f"channels/{PROJECT}/versions/")["results"]] == [1, 0]


def test_every_page_answers_without_a_traceback(site: Site) -> None:
    recipes = [recipe["name"] for recipe in site.api("recipes/", project=PROJECT)["results"]]
    assert len(recipes) == len(PLANNED) + 2
    paths = ["/", "/queue/", "/builds/", "/builds/?status=failed", "/collections/", f"/~/{PROJECT}", "/search/?q=fails"]
    paths += [f"/~/{PROJECT}/{REPOSITORY}", *(f"/~/{PROJECT}/{REPOSITORY}/{name}" for name in recipes)]
    for path in paths:
        site.page(path)


def test_what_a_log_says_is_shown_as_text(site: Site) -> None:
    build = site.build("fails")
    page = site.page(f"/builds/{build['id']}/")
    assert "<script>alert" not in page
    assert "<script>alert('from a log')</script>" in html.unescape(page)
    log = requests.get(f"{site.farm.hub_url}/attempts/{build['attempts'][0]['attempt']}/log", timeout=20)
    assert b"\033[31mred\033[0m \377\376 bytes\n" in log.content
    assert log.headers["Content-Type"].startswith("text/plain")
    assert log.headers["X-Content-Type-Options"] == "nosniff"


def test_no_process_of_the_farm_printed_a_traceback(site: Site) -> None:
    assert "Traceback" not in site.farm.transcript()


def test_a_mended_recipe_is_built(site: Site) -> None:
    site.collection.edit("does-not-parse/stone.yaml", old="release: first", new="release: 2")
    commit = site.collection.push("Give does-not-parse a number for its release")
    answer = requests.post(
        f"{site.farm.hub_url}/api/v1/repositories/{PROJECT}/{REPOSITORY}/refresh/",
        headers={"Authorization": f"Bearer {site.token}"},
        timeout=20,
    )
    assert answer.status_code == requests.codes.accepted, answer.text
    site.farm.wait_until(
        lambda: site.published() == {"sound": "1.0-1", "does-not-parse": "1.0-2"},
        seconds=BUILD_SECONDS,
        what="the mended recipe's package",
    )
    (recipe,) = site.api("recipes/", project=PROJECT, name="does-not-parse")["results"]
    assert (recipe["error"], recipe["error_line"], recipe["commit"]) == ("", None, commit)
    assert "does not parse" not in html.unescape(site.page(f"/~/{PROJECT}/{REPOSITORY}/does-not-parse"))
    assert site.build("does-not-parse")["commit"] == commit
