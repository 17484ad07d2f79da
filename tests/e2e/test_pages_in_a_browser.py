"""What only a browser can tell: that scripts run, nothing complains, the log is live, and the pages fit a telephone."""

import time
from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from avalanche import logs
from tests.e2e.chromium import Chromium, find_chromium
from tests.integration.pages import farm
from tests.scenarios.farm import Farm
from tests.scenarios.pages import pages

__all__ = ["farm"]
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def browser() -> Iterator[Chromium]:
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium on this machine")
    with Chromium(path) as one:
        one.look_as(width=1440, height=900, is_dark=False)
        yield one


@pytest.fixture
def origin(live_server: LiveServer, settings: Settings) -> str:
    settings.SERPENT_LIVE_URL = live_server.url
    return str(live_server.url)


def eventually(question: Callable[[], object], *, seconds: float = 8.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if question():
            return True
        time.sleep(0.1)
    return False


def sign_in(browser: Chromium, origin: str, farm: Farm) -> None:
    client = Client()
    client.force_login(farm.people["ada"], backend="django.contrib.auth.backends.ModelBackend")
    browser.send("Network.setCookie", name="sessionid", value=client.cookies["sessionid"].value, url=origin)


def test_no_page_complains_or_is_wider_than_a_telephone(browser: Chromium, origin: str, farm: Farm) -> None:
    sign_in(browser, origin, farm)
    browser.look_as(width=420, height=860, is_dark=True)
    faults = {}
    for name, uri in pages(farm).items():
        if name == "not-found" or name.startswith("visitor-"):
            continue
        browser.open(origin + uri, settle=0.1)
        width = browser.ask("document.documentElement.scrollWidth")
        if width > 420 or browser.complaints:
            faults[name] = (width, list(browser.complaints))
        browser.complaints.clear()
    assert faults == {}


def test_a_log_is_followed_while_it_grows(browser: Chromium, origin: str, farm: Farm) -> None:
    task = farm.tasks["glib"]
    attempt = task.attempts.get().attempt
    browser.open(origin + task.get_absolute_url())
    assert eventually(lambda: browser.ask("document.querySelector('[data-state]').textContent") == "Live")
    assert browser.ask("document.querySelectorAll('.log li').length") == 247
    late = b"late.c:1:1: error: <b>no</b>\n"
    logs.append(attempt=attempt, offset=logs.size_of(attempt), chunk=late, limit=2**20)
    assert eventually(lambda: browser.ask("document.querySelectorAll('.log li').length") == 248)
    assert browser.ask("document.querySelector('#L248 span').textContent") == "late.c:1:1: error: <b>no</b>"
    assert browser.ask("document.querySelector('#L248').classList.contains('error')")
    browser.ask("document.querySelector('[data-first-error]').click()")
    assert browser.ask("document.querySelector('.log li.target').id") == "L248"


def test_a_paused_log_waits(browser: Chromium, origin: str, farm: Farm) -> None:
    task = farm.tasks["curl"]
    attempt = task.attempts.get().attempt
    browser.open(origin + task.get_absolute_url())
    count = "document.querySelectorAll('.log li').length"
    assert eventually(lambda: browser.ask(count) == 247)
    browser.ask("document.querySelector('[data-pause]').click()")
    logs.append(attempt=attempt, offset=logs.size_of(attempt), chunk=b"one more\n", limit=2**20)
    assert eventually(lambda: "1 block" in browser.ask("document.querySelector('[data-state]').textContent"))
    assert browser.ask(count) == 247
    browser.ask("document.querySelector('[data-pause]').click()")
    assert browser.ask(count) == 248


def test_a_line_of_an_ended_log_is_linked_to(browser: Chromium, origin: str, farm: Farm) -> None:
    browser.open(f"{origin}{farm.tasks['zlib'].get_absolute_url()}#L200")
    assert eventually(lambda: browser.ask("document.querySelector('.log li.target')?.id") == "L200")


def test_finding_as_one_types(browser: Chromium, origin: str, farm: Farm) -> None:
    browser.open(origin + "/builders/")
    browser.ask("document.dispatchEvent(new KeyboardEvent('keydown', {key: '/', bubbles: true}))")
    assert browser.ask("document.activeElement.name") == "q"
    browser.send("Input.insertText", text="zli")
    assert eventually(lambda: browser.ask("document.querySelectorAll('.finder-hits a').length") == 3)


def test_the_colours_that_were_chosen_stay(browser: Chromium, origin: str, farm: Farm) -> None:
    browser.open(origin + "/")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = browser.ask(ground)
    browser.ask("(button => { button.click(); button.click() })(document.querySelector('[data-theme-switch]'))")
    browser.open(origin + "/users/")
    assert browser.ask("document.documentElement.dataset.theme") == "dark"
    assert browser.ask(ground) != light
