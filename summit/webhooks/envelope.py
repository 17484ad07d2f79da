"""What a forge's delivery says, pure: who sent which event, how it is signed, and which branch was pushed.

GitHub signs as `X-Hub-Signature-256: sha256=<hex>`, Forgejo and Gitea as `X-Forgejo-Signature: <hex>`; both are the
HMAC-SHA256 of the raw body. Forgejo sends GitHub's headers, too, so its own are looked at first.
"""

import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import parse_qs

_FORGES = (
    ("forgejo", "X-Forgejo-Signature", "X-Forgejo-Delivery", "X-Forgejo-Event", ""),
    ("gitea", "X-Gitea-Signature", "X-Gitea-Delivery", "X-Gitea-Event", ""),
    ("github", "X-Hub-Signature-256", "X-GitHub-Delivery", "X-GitHub-Event", "sha256="),
)
_SIGNATURE = re.compile(r"[0-9a-f]{64}")
_IDENTIFIER = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_EVENT = re.compile(r"[a-z0-9_]{1,60}")
_FORM = "application/x-www-form-urlencoded"
_HEADS = "refs/heads/"


class UnreadableDelivery(Exception):
    """A delivery that does not say what it must; the message is a sentence."""


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """The headers of a delivery; `signature` is 64 hex digits, "" where there is none that could be right."""

    forge: str
    signature: str
    identifier: str
    event: str


@dataclass(frozen=True, kw_only=True)
class Push:
    """A branch that was moved: `branch` is "" for a tag or another ref, `default_branch` "" where it is not said."""

    ref: str
    branch: str
    default_branch: str


def open_envelope(headers: Mapping[str, str]) -> Envelope:
    """Reads the headers of the forge that signed; what has not the right form counts as absent."""
    for forge, signature, identifier, event, prefix in _FORGES:
        if signature in headers:
            return Envelope(
                forge=forge,
                signature=_matching(_SIGNATURE, headers[signature].removeprefix(prefix).lower()),
                identifier=_matching(_IDENTIFIER, headers.get(identifier, "")),
                event=_matching(_EVENT, headers.get(event, "")),
            )
    return Envelope(forge="", signature="", identifier="", event="")


def is_signed(body: bytes, signature: str, secrets: Iterable[str]) -> bool:
    """Says whether one of the secrets made the signature; takes as long whichever it is."""
    matches = [
        hmac.compare_digest(hmac.new(secret.encode(), body, sha256).hexdigest(), signature) for secret in secrets
    ]
    return any(matches)


def read_push(body: bytes, content_type: str) -> Push:
    """Reads a push event, as JSON or as a form that holds it; raises `UnreadableDelivery`."""
    text = body
    if content_type.partition(";")[0].strip().lower() == _FORM:
        text = _form_field(body)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableDelivery("the body is no JSON") from error
    ref = document.get("ref") if isinstance(document, dict) else None
    if not isinstance(ref, str) or not ref:
        raise UnreadableDelivery("the push names no ref")
    repository = document.get("repository")
    default = repository.get("default_branch") if isinstance(repository, dict) else ""
    return Push(
        ref=ref[:300],
        branch=ref.removeprefix(_HEADS) if ref.startswith(_HEADS) else "",
        default_branch=default if isinstance(default, str) else "",
    )


def _form_field(body: bytes) -> bytes:
    try:
        fields = parse_qs(body.decode(), max_num_fields=10)
    except ValueError as error:
        raise UnreadableDelivery("the form cannot be read") from error
    return fields.get("payload", [""])[0].encode()


def _matching(form: re.Pattern[str], text: str) -> str:
    return text if form.fullmatch(text) else ""
