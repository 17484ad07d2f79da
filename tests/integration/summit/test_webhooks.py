"""Deliveries of forges: only a signed one that is new asks for a refresh, and who cannot sign learns nothing."""

import hmac
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from io import StringIO
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from django.core import serializers as django_serializers
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.test import Client, RequestFactory
from django.utils import timezone
from guardian.shortcuts import assign_perm
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from serpent_infra.accounts.models import ServiceToken
from summit import webhooks
from summit.models import Delivery, DeliveryOutcome, Project, Repository, Webhook
from summit.tasks import refresh_repositories
from summit.views.webhooks import BODY_LIMIT
from tests.factories.summit import AT, make_repository, make_user
from tests.integration import pages
from tests.ringing import bells_of

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse

strict_templates = pages.strict_templates
pytestmark = pytest.mark.django_db

ADDRESS = "/hooks/main/recipes/"
PAGE = "/~/main/recipes/-/webhook"
PUSH: dict[str, object] = {"ref": "refs/heads/main", "after": "1" * 40, "repository": {"default_branch": "main"}}


@pytest.fixture
def secret(repository: Repository) -> str:
    return webhooks.set_secret(repository, by=None, at=AT)


def sign(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, sha256).hexdigest()


def deliver(
    body: bytes,
    signature: str,
    *,
    forge: str = "github",
    identifier: str = "d-1",
    event: str = "push",
    address: str = ADDRESS,
    content_type: str = "application/json",
) -> "_MonkeyPatchedWSGIResponse":
    headers = {
        "github": {
            "X-Hub-Signature-256": f"sha256={signature}",
            "X-GitHub-Delivery": identifier,
            "X-GitHub-Event": event,
        },
        "forgejo": {
            "X-Forgejo-Signature": signature,
            "X-Forgejo-Delivery": identifier,
            "X-Forgejo-Event": event,
            "X-Hub-Signature-256": f"sha256={signature}",  # Forgejo sends these as well
            "X-GitHub-Delivery": identifier,
            "X-GitHub-Event": event,
        },
        "gitea": {"X-Gitea-Signature": signature, "X-Gitea-Delivery": identifier, "X-Gitea-Event": event},
    }[forge]
    client = Client(enforce_csrf_checks=True)
    return client.post(address, data=body, content_type=content_type, headers=headers)


def push(**changes: object) -> bytes:
    return json.dumps(PUSH | changes).encode()


def is_asked_for(repository: Repository) -> bool:
    repository.refresh_from_db()
    return repository.refresh_requested_at is not None


@pytest.mark.parametrize("forge", ["github", "forgejo", "gitea"])
def test_a_signed_push_rings_the_refresh_of_its_repository(
    repository: Repository,
    secret: str,
    forge: str,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        response = deliver(push(), sign(secret, push()), forge=forge)
    assert (response.status_code, response.json()["code"]) == (202, "accepted")
    assert bells_of(callbacks) == [("summit.refresh_repository", repository.pk)]
    assert is_asked_for(repository)
    delivery = Delivery.objects.get()
    assert (delivery.forge, delivery.identifier, delivery.outcome) == (forge, "d-1", DeliveryOutcome.ACCEPTED)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda body, _secret: (body, sign("f" * 64, body)), id="another secret"),
        pytest.param(lambda body, _secret: (body, ""), id="no signature"),
        pytest.param(lambda body, _secret: (body, "ünicode"), id="no hexadecimal digits"),
        pytest.param(lambda body, secret: (body[:-5], sign(secret, body)), id="truncated"),
        pytest.param(lambda body, secret: (body.replace(b"main", b"evil"), sign(secret, body)), id="changed"),
        pytest.param(lambda body, secret: (body, sign(secret, body)[:40]), id="half a signature"),
        pytest.param(lambda body, secret: (body, hmac.new(secret.encode(), body, "sha1").hexdigest()), id="SHA-1"),
    ],
)
def test_what_is_not_signed_with_the_secret_is_refused_and_leaves_no_row(
    repository: Repository, secret: str, spoil: Callable[[bytes, str], tuple[bytes, str]]
) -> None:
    body, signature = spoil(push(), secret)
    response = deliver(body, signature)
    assert (response.status_code, response.json()["code"]) == (403, "signature")
    assert not is_asked_for(repository)
    assert not Delivery.objects.exists()


def test_nobody_learns_which_repositories_there_are(repository: Repository, secret: str) -> None:
    make_repository(repository.project, slug="without")
    make_repository(repository.project, slug="private", is_private=True)
    wrong = sign("0" * 64, push())  # the very secret that an unknown one is compared with
    answers = [
        deliver(push(), wrong, address=f"/hooks/main/{slug}/") for slug in ("recipes", "without", "private", "unknown")
    ]
    assert secret
    assert {(answer.status_code, answer.content, str(answer.headers)) for answer in answers} == {
        (403, answers[0].content, str(answers[0].headers))
    }


def test_a_replay_is_refused_and_rings_nothing(repository: Repository, secret: str) -> None:
    signature = sign(secret, push())
    deliver(push(), signature)
    Repository.objects.update(refresh_requested_at=None)
    for identifier in ("d-1", "d-2"):  # the identifier is not signed: another one makes no new delivery
        response = deliver(push(), signature, identifier=identifier)
        assert (response.status_code, response.json()["code"]) == (409, "replayed")
    other = push(after="2" * 40)
    assert deliver(other, sign(secret, other), identifier="d-1").status_code == 409
    assert not is_asked_for(repository)
    assert Delivery.objects.count() == 1
    assert deliver(other, sign(secret, other), identifier="d-3").status_code == 202


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite's test database is in memory, for one thread")
def test_of_many_copies_at_once_one_is_taken(repository: Repository, secret: str) -> None:
    signature, answers = sign(secret, push()), []

    def send(number: int) -> None:
        answers.append(deliver(push(), signature, identifier=f"d-{number % 2}").status_code)
        connections.close_all()

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [202, *[409] * 7]
    assert is_asked_for(repository)
    assert connection.vendor == "postgresql"


def test_the_same_delivery_may_reach_two_repositories(project: Project, repository: Repository, secret: str) -> None:
    other = make_repository(project, slug="other")
    its_secret = webhooks.set_secret(other, by=None, at=AT)
    assert its_secret != secret
    assert deliver(push(), sign(secret, push())).status_code == 202
    assert deliver(push(), sign(its_secret, push()), address="/hooks/main/other/").status_code == 202
    assert deliver(push(), sign(secret, push()), address="/hooks/main/other/", identifier="d-9").status_code == 403


@pytest.mark.parametrize(
    ("body", "event", "expected"),
    [
        (b'{"zen": "calm"}', "ping", (200, "pong")),
        (push(), "issues", (202, "ignored: event")),
        (push(), "", (202, "ignored: event")),
        (push(ref="refs/heads/next"), "push", (202, "ignored: branch")),
        (push(ref="refs/tags/main"), "push", (202, "ignored: branch")),
        (b"{", "push", (400, "unreadable")),
        (b"[" * 200_000, "push", (400, "unreadable")),
        (b"\xff\xfe", "push", (400, "unreadable")),
        (b"[]", "push", (400, "unreadable")),
        (b'{"ref": 7}', "push", (400, "unreadable")),
        (b"", "push", (400, "unreadable")),
    ],
)
def test_what_is_signed_but_asks_for_nothing_is_answered_and_listed(
    repository: Repository, secret: str, body: bytes, event: str, expected: tuple[int, str]
) -> None:
    response = deliver(body, sign(secret, body), event=event)
    assert (response.status_code, response.json()["code"]) == expected
    assert not is_asked_for(repository)
    is_readable = expected[0] != 400
    assert Delivery.objects.get().outcome == (DeliveryOutcome.IGNORED if is_readable else DeliveryOutcome.UNREADABLE)


def test_a_form_that_holds_the_push_will_do(repository: Repository, secret: str) -> None:
    body = urlencode({"payload": push().decode()}).encode()
    response = deliver(body, sign(secret, body), content_type="application/x-www-form-urlencoded")
    assert response.status_code == 202
    assert is_asked_for(repository)


def test_a_repository_of_the_default_branch_follows_what_the_forge_says_it_is(
    repository: Repository, secret: str
) -> None:
    Repository.objects.update(branch="")
    body = push(repository={"default_branch": "trunk"})
    assert deliver(body, sign(secret, body)).json()["code"] == "ignored: branch"
    body = push(repository={"default_branch": "trunk"}, ref="refs/heads/trunk")
    assert deliver(body, sign(secret, body), identifier="d-2").json()["code"] == "accepted"
    assert is_asked_for(repository)


@pytest.mark.parametrize("identifier", ["", "x" * 101, "<script>"])
def test_a_delivery_without_an_identifier_is_refused(secret: str, identifier: str) -> None:
    response = deliver(push(), sign(secret, push()), identifier=identifier)
    assert (response.status_code, response.json()["code"]) == (400, "no-delivery")


def test_a_body_has_a_limit(secret: str) -> None:
    body = b" " * (BODY_LIMIT + 1)
    response = deliver(body, sign(secret, body))
    assert (response.status_code, response.json()["code"]) == (413, "too-large")
    body = push().ljust(BODY_LIMIT)
    assert deliver(body, sign(secret, body)).status_code == 202


def test_only_a_post_is_a_delivery(client: Client) -> None:
    assert client.get(ADDRESS).status_code == 405


def test_a_new_secret_ends_the_one_before_and_no_secret_ends_all(repository: Repository, secret: str) -> None:
    fresh = webhooks.set_secret(repository, by=None, at=AT)
    assert deliver(push(), sign(secret, push())).status_code == 403
    assert deliver(push(), sign(fresh, push())).status_code == 202
    webhooks.remove_secret(repository)
    assert deliver(push(), sign(fresh, push()), identifier="d-2").status_code == 403


def test_a_secret_outlives_the_change_of_the_sites_key_while_the_old_one_counts(
    secret: str, settings: Settings
) -> None:
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"
    assert deliver(push(), sign(secret, push())).status_code == 202
    settings.SECRET_KEY_FALLBACKS = []
    assert deliver(push(after="3"), sign(secret, push(after="3")), identifier="d-2").status_code == 403


def test_no_row_holds_the_secret(secret: str) -> None:
    deliver(push(), sign(secret, push()))
    rows = [*Webhook.objects.all(), *Delivery.objects.all(), *Repository.objects.all()]
    assert secret not in django_serializers.serialize("json", rows)


def test_a_replay_is_refused_however_late_it_comes(repository: Repository, secret: str) -> None:
    deliver(push(), sign(secret, push()))
    Delivery.objects.update(received_at=timezone.now() - timedelta(days=4000))
    Repository.objects.update(refresh_requested_at=None)
    refresh_repositories()
    assert deliver(push(), sign(secret, push()), identifier="d-2").status_code == 409
    assert not is_asked_for(repository)


def test_deliveries_that_asked_for_nothing_are_forgotten_after_a_month(repository: Repository, secret: str) -> None:
    now = timezone.now()
    for days in (1, 29, 31):
        Delivery.objects.create(
            repository=repository,
            forge="github",
            identifier=str(days),
            signature=str(days),
            outcome=DeliveryOutcome.IGNORED,
            received_at=now - timedelta(days=days),
        )
    refresh_repositories()
    assert sorted(Delivery.objects.values_list("identifier", flat=True)) == ["1", "29"]
    assert secret


# The page, the API and the command


@pytest.fixture
def manager(repository: Repository) -> Client:
    user = make_user("max")
    assign_perm("summit.manage", user, repository)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.usefixtures("strict_templates")
def test_a_manager_makes_a_secret_and_sees_it_once(manager: Client, repository: Repository) -> None:
    assert "There is none: every delivery is refused." in manager.get(PAGE).content.decode()
    made = manager.post(PAGE)
    secret = str(made.context["secret"])
    assert secret in made.content.decode()
    assert "no-store" in made["Cache-Control"]
    assert deliver(push(), sign(secret, push())).status_code == 202
    again = manager.get(PAGE).content.decode()
    assert secret not in again
    assert "d-1" in again
    assert "main will be read in a moment." in again
    assert manager.post(f"{PAGE}/remove").status_code == 302
    assert not Webhook.objects.filter(repository=repository).exists()


def test_only_managers_reach_the_page(client: Client, repository: Repository) -> None:
    assert client.get(PAGE).status_code == 302
    user = make_user("eve")
    assign_perm("summit.push_build", user, repository)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    for response in (client.get(PAGE), client.post(PAGE), client.post(f"{PAGE}/remove")):
        assert response.status_code == 403
    Repository.objects.update(is_private=True)
    client.force_login(make_user("mallory"), backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(PAGE).status_code == 404


def test_the_api_gives_a_secret_once_and_only_to_managers(repository: Repository) -> None:
    user = make_user("max")
    _, token = ServiceToken.issue(owner=user, name="t", is_read_only=False, expires_at=None)
    client, where = Client(headers={"Authorization": f"Bearer {token}"}), "/api/v1/repositories/main/recipes/webhook/"
    assert client.get(where).status_code == 403
    assign_perm("summit.manage", user, repository)
    assert client.get(where).json() == {
        "address": "http://127.0.0.1:8000/hooks/main/recipes/",
        "set_at": None,
        "deliveries": [],
    }
    made = client.post(where)
    assert made.status_code == 201
    assert deliver(push(), sign(made.json()["secret"], push())).status_code == 202
    told = client.get(where)
    assert made.json()["secret"] not in told.content.decode()
    assert told.json()["deliveries"][0]["outcome"] == "accepted"
    assert client.delete(where).status_code == 204
    assert client.get(where).json()["set_at"] is None


def test_the_command_prints_a_secret_that_works(repository: Repository) -> None:
    output = StringIO()
    call_command("webhook_secret", "main", "recipes", stdout=output)
    secret = output.getvalue().split()[-1]
    assert deliver(push(), sign(secret, push())).status_code == 202
    call_command("webhook_secret", "main", "recipes", "--remove", stdout=output)
    assert not Webhook.objects.filter(repository=repository).exists()
    with pytest.raises(CommandError, match="no repository main/none"):
        call_command("webhook_secret", "main", "none")


def test_a_body_that_ends_too_early_is_refused(secret: str) -> None:
    from summit.views.webhooks import receive  # noqa: PLC0415 - called past the test client, which never breaks off

    class Broken:
        def read(self, _size: int) -> bytes:
            raise OSError("connection reset")

    request = RequestFactory().post(ADDRESS, data=push(), content_type="application/json")
    request._stream = Broken()  # type: ignore[assignment] # what a server that lost its client gives
    response = receive(request, project="main", repository="recipes")
    assert response.status_code == 400
    assert b"truncated" in response.content
    assert secret
