"""The agents' API: what an honest builder gets, and what everybody else does not."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import jwt
import msgspec
import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from avalanche import logs
from avalanche.models import Artefact, Attempt, Builder, HostSample, PhaseTime, Report
from avalanche.states import AttemptState
from serpent_infra.wire import tokens
from serpent_infra.wire.builders import Droppable, Hello, LogSize
from serpent_infra.wire.orders import ClaimAnswer, ClaimRequest, RenewAnswer, RenewRequest
from serpent_infra.wire.reports import BuiltManifest, Failure, FailureKind, Outcome
from tests.factories.avalanche import (
    make_artefact,
    make_attempt,
    make_builder,
    make_host,
    make_key,
    make_order,
    make_report,
    make_sample,
    make_slots,
)
from tests.integration.avalanche.conftest import PREFIX, Speaker
from tests.ringing import bells_of

pytestmark = pytest.mark.django_db

Speak = Callable[[Builder], Speaker]


def body(response: HttpResponse) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(response.content)
    return decoded


def code(response: HttpResponse) -> tuple[int, str]:
    return response.status_code, str(body(response)["code"])


@pytest.fixture
def attempt() -> Attempt:
    return make_attempt(at=timezone.now())


@pytest.fixture
def speaker(attempt: Attempt, speak: Speak) -> Speaker:
    return speak(attempt.builder)


@pytest.fixture
def running(attempt: Attempt) -> Attempt:
    attempt.claim(at=timezone.now(), lease=timedelta(seconds=45))
    return attempt


def path(attempt: Attempt, verb: str) -> str:
    return f"attempts/{attempt.pk}/{verb}"


class TestWhoSpeaks:
    @pytest.mark.parametrize(
        "token",
        [
            "x",
            "a.b.c",
            "..",
            "\xff\xfe",
            "e30.e30.e30",
            base64.urlsafe_b64encode(b"[" * 50_000).decode(),
            "x" * 7000,
        ],
    )
    def test_a_malformed_token_is_401(self, speaker: Speaker, token: str) -> None:
        response = speaker.send("POST", "hello", b"{}", token=token)
        assert response.status_code == 401
        assert response["WWW-Authenticate"] == "Bearer"
        assert response["Content-Type"] == "application/problem+json"

    def test_no_token_is_401(self) -> None:
        assert Client().post(f"{PREFIX}hello", b"{}", content_type="application/json").status_code == 401

    def test_another_scheme_is_401(self) -> None:
        headers = {"authorization": "Basic a2lsbjp4"}
        response = Client().post(f"{PREFIX}hello", b"{}", content_type="application/json", headers=headers)
        assert response.status_code == 401

    def test_an_unsigned_token_is_401(self, speaker: Speaker) -> None:
        claims = {"iss": "kiln", "aud": "hub", "iat": 0, "exp": 2**40, "jti": "x"}
        assert speaker.send("POST", "hello", b"{}", token=jwt.encode(claims, "", "none")).status_code == 401

    def test_a_token_signed_with_the_public_key_as_secret_is_401(self, speaker: Speaker) -> None:
        claims = {"iss": "kiln", "aud": "hub", "iat": 0, "exp": 2**40, "jti": "x"}
        forged = jwt.encode(claims, speaker.builder.public_key, "HS256")
        assert speaker.send("POST", "hello", b"{}", token=forged).status_code == 401

    @pytest.mark.parametrize(
        ("signer", "issuer", "audience", "age"),
        [
            ("thief", "kiln", "hub", 0),
            ("kiln", "kiln", "forge", 0),
            ("kiln", "nobody", "hub", 0),
            ("kiln", "hub", "hub", 0),
            ("kiln", "kiln", "hub", 120),
            ("kiln", "kiln", "hub", -120),
        ],
    )
    def test_a_token_that_is_not_this_builders_for_now_and_the_hub_is_401(
        self, speaker: Speaker, signer: str, issuer: str, audience: str, age: int
    ) -> None:
        signed_at = timezone.now() - timedelta(seconds=age)
        token = tokens.sign(make_key(signer), issuer=issuer, audience=audience, at=signed_at)
        assert speaker.send("POST", "hello", b"{}", token=token).status_code == 401

    def test_a_revoked_builder_is_401(self, speaker: Speaker) -> None:
        assert speaker.post("hello", Hello()).status_code == 204
        speaker.builder.revoke()
        assert speaker.post("hello", Hello()).status_code == 401

    @pytest.mark.parametrize("verb", ["claim", "renew", "report", "dropped"])
    def test_anothers_attempt_does_not_exist(self, running: Attempt, speak: Speak, verb: str) -> None:
        stranger = speak(make_builder("stranger"))
        before = Attempt.objects.values().get()
        message = make_report(running) if verb == "report" else ClaimRequest(slot=0)
        assert code(stranger.post(path(running, verb), message)) == (404, "not_found")
        assert Attempt.objects.values().get() == before
        assert not Report.objects.exists()

    def test_anothers_log_can_be_neither_wiped_nor_forged(self, running: Attempt, speak: Speak) -> None:
        logs.append(attempt=running.pk, offset=0, chunk=b"genuine\n", limit=100)
        stranger = speak(make_builder("stranger"))
        response = stranger.send("PUT", path(running, "log?epoch=1&offset=8"), b"forged\n")
        assert response.status_code == 404
        assert logs.path_of(running.pk).read_bytes() == b"genuine\n"

    def test_an_unknown_attempt_is_404(self, speaker: Speaker) -> None:
        assert speaker.post(f"attempts/{uuid4()}/claim", ClaimRequest(slot=0)).status_code == 404


class TestClaim:
    def test_an_offer_is_handed_over_with_its_order_and_a_lease(self, attempt: Attempt, speaker: Speaker) -> None:
        response = speaker.post(path(attempt, "claim"), ClaimRequest(slot=0))
        answer = msgspec.json.decode(response.content, type=ClaimAnswer)
        assert answer.order == attempt.order
        assert answer.lease.epoch == 1
        assert answer.lease.expires_at > timezone.now()

    def test_what_runs_cannot_be_claimed_again(self, attempt: Attempt, speaker: Speaker) -> None:
        speaker.post(path(attempt, "claim"), ClaimRequest(slot=0))
        assert code(speaker.post(path(attempt, "claim"), ClaimRequest(slot=0))) == (409, "not-offered")
        assert Attempt.objects.get().epoch == 1

    def test_another_slot_cannot_claim_it(self, attempt: Attempt, speaker: Speaker) -> None:
        assert code(speaker.post(path(attempt, "claim"), ClaimRequest(slot=1))) == (409, "not-offered")

    def test_a_cancelled_offer_cannot_be_claimed(self, attempt: Attempt, speaker: Speaker) -> None:
        attempt.cancel(at=timezone.now())
        assert code(speaker.post(path(attempt, "claim"), ClaimRequest(slot=0))) == (409, "not-offered")


class TestRenew:
    def test_a_renewal_prolongs_the_lease(self, running: Attempt, speaker: Speaker) -> None:
        response = speaker.post(path(running, "renew"), RenewRequest(epoch=1, phase="build"))
        answer = msgspec.json.decode(response.content, type=RenewAnswer)
        assert (answer.cancel, answer.lease.epoch) == (False, 1)
        assert Attempt.objects.get().phase == "build"

    def test_a_renewal_learns_that_the_build_is_to_end(self, running: Attempt, speaker: Speaker) -> None:
        running.request_cancel(at=timezone.now())
        response = speaker.post(path(running, "renew"), RenewRequest(epoch=1))
        assert msgspec.json.decode(response.content, type=RenewAnswer).cancel

    def test_an_old_epoch_is_refused(self, running: Attempt, speaker: Speaker) -> None:
        running.lose(message="silent", at=timezone.now())
        assert code(speaker.post(path(running, "renew"), RenewRequest(epoch=1))) == (409, "stale-lease")

    def test_an_ended_attempt_is_refused(self, running: Attempt, speaker: Speaker) -> None:
        running.succeed(at=timezone.now())
        assert code(speaker.post(path(running, "renew"), RenewRequest(epoch=1))) == (409, "attempt-closed")


class TestLog:
    def put(self, speaker: Speaker, attempt: Attempt, query: str, chunk: bytes) -> HttpResponse:
        return speaker.send("PUT", path(attempt, f"log?{query}"), chunk)

    def test_chunks_are_appended_and_repeated_ones_skipped(self, running: Attempt, speaker: Speaker) -> None:
        for offset, chunk, size in ((0, b"one\n", 4), (0, b"one\n", 4), (2, b"e\ntwo\n", 8)):
            response = self.put(speaker, running, f"epoch=1&offset={offset}", chunk)
            assert msgspec.json.decode(response.content, type=LogSize).size == size
        assert logs.path_of(running.pk).read_bytes() == b"one\ntwo\n"

    def test_a_gap_is_409_with_the_size(self, running: Attempt, speaker: Speaker) -> None:
        self.put(speaker, running, "epoch=1&offset=0", b"one\n")
        response = self.put(speaker, running, "epoch=1&offset=9", b"x")
        assert code(response) == (409, "log-gap")
        assert body(response)["size"] == 4

    @pytest.mark.parametrize("query", ["", "epoch=1", "epoch=1&offset=-1", "epoch=x&offset=0", "epoch=1&offset=1e9"])
    def test_numbers_must_be_numbers(self, running: Attempt, speaker: Speaker, query: str) -> None:
        assert code(self.put(speaker, running, query, b"x")) == (422, "invalid")

    def test_a_chunk_has_a_largest_size(self, running: Attempt, speaker: Speaker) -> None:
        assert code(self.put(speaker, running, "epoch=1&offset=0", b"x" * (2**20 + 1))) == (413, "too-large")
        assert logs.size_of(running.pk) == 0

    def test_the_log_has_the_size_that_the_order_allows(self, speak: Speak) -> None:
        order = make_order(log_bytes=10)
        attempt = make_attempt(AttemptState.RUNNING, order=order, at=timezone.now())
        speaker = speak(attempt.builder)
        full = b"x" * (64 * 1024 + 10)
        assert self.put(speaker, attempt, "epoch=1&offset=0", full).status_code == 200
        assert code(self.put(speaker, attempt, f"epoch=1&offset={len(full)}", b"x")) == (413, "log-limit")

    def test_an_old_epoch_and_an_ended_attempt_are_refused(self, running: Attempt, speaker: Speaker) -> None:
        assert code(self.put(speaker, running, "epoch=2&offset=0", b"x")) == (409, "stale-lease")
        running.succeed(at=timezone.now())
        assert code(self.put(speaker, running, "epoch=1&offset=0", b"x")) == (409, "attempt-closed")
        assert logs.size_of(running.pk) == 0


class TestReport:
    def test_a_success_ends_the_attempt_and_keeps_its_parts(self, running: Attempt, speaker: Speaker) -> None:
        logs.append(attempt=running.pk, offset=0, chunk=b"done\n", limit=100)
        report = make_report(running, log_size=5)
        assert speaker.post(path(running, "report"), report).status_code == 204
        stored = Attempt.objects.get()
        assert (stored.status, stored.isolation, stored.log_size) == (AttemptState.SUCCEEDED, "nspawn", 5)
        assert list(Artefact.objects.values_list("name", "size")) == [("nano-8.6-1-1-x86_64.stone", 1000)]
        assert list(PhaseTime.objects.order_by("position").values_list("name", flat=True)) == ["setup", "build"]

    def test_a_failure_keeps_its_kind_and_sentence(self, running: Attempt, speaker: Speaker) -> None:
        speaker.post(path(running, "report"), make_report(running, Outcome.FAILED))
        stored = Attempt.objects.get()
        assert (stored.status, stored.failure_kind) == (AttemptState.FAILED, "phase")
        assert stored.failure_message == "make: *** [all] Error 1"

    def test_a_nul_in_a_text_is_replaced(self, running: Attempt, speaker: Speaker) -> None:
        failure = Failure(kind=FailureKind.PHASE, message="a\x00b \\u0000 \\\x00", excerpt="\x00")
        report = msgspec.structs.replace(make_report(running, Outcome.FAILED), failure=failure)
        assert speaker.post(path(running, "report"), report).status_code == 204
        assert Attempt.objects.get().failure_message == "a\ufffdb \\u0000 \\\ufffd"
        assert Report.objects.get().body["failure"]["excerpt"] == "\ufffd"

    def test_a_report_frees_the_slot(self, running: Attempt, speaker: Speaker) -> None:
        speaker.post(path(running, "report"), make_report(running))
        make_attempt(slot=running.slot)

    def test_a_report_rings_the_asker_once_it_is_committed(
        self, running: Attempt, speaker: Speaker, django_capture_on_commit_callbacks: Any
    ) -> None:
        with django_capture_on_commit_callbacks() as callbacks:
            speaker.post(path(running, "report"), make_report(running))
        assert bells_of(callbacks) == [("tests.settle", running.pk)]

    def test_the_same_report_again_changes_nothing(
        self, running: Attempt, speaker: Speaker, django_capture_on_commit_callbacks: Any
    ) -> None:
        report = make_report(running)
        speaker.post(path(running, "report"), report)
        before = Attempt.objects.values().get()
        with django_capture_on_commit_callbacks() as callbacks:
            assert speaker.post(path(running, "report"), report).status_code == 204
        assert not callbacks
        assert Attempt.objects.values().get() == before
        assert (Report.objects.count(), Artefact.objects.count()) == (1, 1)

    def test_another_report_of_an_ended_attempt_is_refused(self, running: Attempt, speaker: Speaker) -> None:
        speaker.post(path(running, "report"), make_report(running, Outcome.FAILED))
        second = speaker.post(path(running, "report"), make_report(running))
        assert code(second) == (409, "attempt-closed")
        assert Attempt.objects.get().status == AttemptState.FAILED
        assert not Artefact.objects.exists()

    def test_a_report_of_a_lost_attempt_is_stale(self, running: Attempt, speaker: Speaker) -> None:
        report = make_report(running)
        running.lose(message="silent", at=timezone.now())
        assert code(speaker.post(path(running, "report"), report)) == (409, "stale-lease")
        assert Attempt.objects.get().status == AttemptState.LOST

    def test_a_report_of_an_unclaimed_attempt_is_refused(self, attempt: Attempt, speaker: Speaker) -> None:
        report = make_report(attempt, epoch=1)
        assert code(speaker.post(path(attempt, "report"), report)) == (409, "stale-lease")

    def test_a_build_that_was_to_end_is_cancelled_whatever_it_reports(self, running: Attempt, speaker: Speaker) -> None:
        running.request_cancel(at=timezone.now())
        assert speaker.post(path(running, "report"), make_report(running)).status_code == 204
        assert Attempt.objects.get().status == AttemptState.CANCELLED

    def test_a_builder_that_gives_up_unasked_has_lost_the_attempt(self, running: Attempt, speaker: Speaker) -> None:
        speaker.post(path(running, "report"), make_report(running, Outcome.CANCELLED))
        stored = Attempt.objects.get()
        assert (stored.status, stored.failure_kind) == (AttemptState.LOST, "builder-lost")

    @pytest.mark.parametrize(
        "name", ["../../etc/passwd", "a/b", "..", ".", "", "-rf", "a\x00b", "a\nb", "é", "a" * 256, "a\\b"]
    )
    def test_a_file_name_that_is_not_permitted_is_422(self, running: Attempt, speaker: Speaker, name: str) -> None:
        report = msgspec.to_builtins(make_report(running))
        report["artefacts"][0]["name"] = name
        response = speaker.send("POST", path(running, "report"), json.dumps(report).encode())
        assert response.status_code == 422
        assert list(body(response)["errors"]) == ["artefacts[0].name"]
        assert Attempt.objects.get().status == AttemptState.RUNNING

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"attempt": uuid4()}, "attempt"),
            ({"outcome": Outcome.FAILED}, "failure"),
            ({"outcome": Outcome.CANCELLED}, "artefacts"),
            ({"artefacts": (make_artefact("a"), make_artefact("a"))}, "artefacts"),
            ({"artefacts": (make_artefact("a", size=600), make_artefact("b", size=600))}, "artefacts"),
            ({"manifests": (BuiltManifest(name="a", data=b""), BuiltManifest(name="a", data=b""))}, "manifests"),
            ({"manifests": tuple(BuiltManifest(name=name, data=b"x" * 400_000) for name in "ab")}, "manifests"),
        ],
    )
    def test_a_report_no_honest_builder_sends_is_422(
        self, running: Attempt, speaker: Speaker, settings: Settings, changes: dict[str, Any], field: str
    ) -> None:
        settings.SERPENT_ARTEFACT_BYTES = 1000
        response = speaker.post(path(running, "report"), msgspec.structs.replace(make_report(running), **changes))
        assert response.status_code == 422
        assert list(body(response)["errors"]) == [field]
        assert Attempt.objects.get().status == AttemptState.RUNNING

    @pytest.mark.parametrize("text", [b"", b"{", b"\xff", b'{"other":' + b"[" * 100_000, b"nul"])
    def test_a_body_that_is_no_json_is_400(self, running: Attempt, speaker: Speaker, text: bytes) -> None:
        response = speaker.send("POST", path(running, "report"), text)
        assert code(response) == (400, "parse_error")

    def test_a_body_has_a_largest_size(self, running: Attempt, speaker: Speaker) -> None:
        response = speaker.send("POST", path(running, "report"), b" " * (2 * 2**20 + 1))
        assert code(response) == (413, "too-large")


class TestMachine:
    def test_a_sample_is_kept_and_the_builder_seen(self, speak: Speak) -> None:
        builder = make_builder(is_well=False)
        assert speak(builder).post("samples", make_sample(disk_free=7)).status_code == 204
        assert HostSample.objects.get().disk_free == 7
        assert Builder.objects.get().seen_at == HostSample.objects.get().at

    def test_samples_that_follow_too_closely_are_not_kept(self, speak: Speak) -> None:
        now = timezone.now()
        builder = make_builder(at=now, is_well=False)
        for milliseconds in (0, 1, 150, 250):
            at = now + timedelta(milliseconds=milliseconds)
            HostSample.objects.record(builder=builder, sample=make_sample(), at=at)
        assert HostSample.objects.count() == 2
        assert speak(builder).post("samples", make_sample(disk_free=1)).status_code == 204

    def test_a_slot_that_starts_anew_has_lost_what_ran_there(self, running: Attempt, speaker: Speaker) -> None:
        other = make_attempt(AttemptState.RUNNING, slot=running.builder.slots.get(index=1), at=timezone.now())
        assert speaker.post("hello", Hello(idle_slots=(0,))).status_code == 204
        assert Attempt.objects.get(pk=running.pk).status == AttemptState.LOST
        assert Attempt.objects.get(pk=other.pk).status == AttemptState.RUNNING

    def test_a_hello_leaves_an_offer_alone(self, attempt: Attempt, speaker: Speaker) -> None:
        speaker.post("hello", Hello(idle_slots=(0,)))
        assert Attempt.objects.get(pk=attempt.pk).status == AttemptState.OFFERED

    def test_a_hello_touches_no_other_builder(self, running: Attempt, speak: Speak) -> None:
        speak(make_builder("stranger")).post("hello", Hello(idle_slots=(0, 1)))
        assert Attempt.objects.get(pk=running.pk).status == AttemptState.RUNNING

    def test_a_machine_describes_itself_anew(self, speaker: Speaker) -> None:
        speaker.post("hello", Hello(host=make_host(hostname="oven"), slots=make_slots(5)))
        assert speaker.builder.slots.current().count() == 5
        assert speaker.post("hello", Hello(slots=make_slots(5))).status_code == 422

    def test_released_artefacts_are_named_until_they_are_dropped(self, speak: Speak) -> None:
        attempt = make_attempt(AttemptState.SUCCEEDED)
        speaker, stranger = speak(attempt.builder), speak(make_builder("stranger"))

        def droppable(who: Speaker) -> tuple[Any, ...]:
            return msgspec.json.decode(who.send("GET", "attempts/droppable").content, type=Droppable).attempts

        assert droppable(speaker) == ()
        assert speaker.post(path(attempt, "dropped")).status_code == 204
        assert Attempt.objects.get().dropped_at is None
        attempt.release(at=timezone.now())
        assert droppable(speaker) == (attempt.pk,)
        assert droppable(stranger) == ()
        assert speaker.post(path(attempt, "dropped")).status_code == 204
        assert droppable(speaker) == ()
