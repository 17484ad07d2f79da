"""What every view for agents shares: who speaks, how bodies are decoded, and how refusals are dressed."""

import re
from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import APIException, AuthenticationFailed, NotFound, ParseError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from avalanche.models import Attempt, Builder
from avalanche.refusals import InvalidField, LogGap, LogLimit, Refusal
from serpent_infra.wire import tokens

Message = TypeVar("Message", bound=msgspec.Struct)
BODY_BYTES = 2 * 2**20
MESSAGE_ROOT = "$."
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")  # escaped, and the backslash not itself escaped


class BuilderAuthentication(BaseAuthentication):
    """Believes a token that is signed by the key of the builder it names; the builder becomes `request.auth`."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Builder] | None:
        """Gives the builder, None where no token is shown; a token that is not good is refused with 401."""
        scheme, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "bearer":
            raise AuthenticationFailed("Agents sign in with a bearer token.")
        try:
            name = tokens.claimed_issuer(token)
            builder = Builder.objects.enrolled().get(name=name)
            tokens.verify(token, key=tokens.parse_public(builder.public_key), issuer=name, audience=tokens.HUB)
        except Builder.DoesNotExist:
            raise AuthenticationFailed("The token names no enrolled builder.") from None
        except (tokens.TokenRefused, ValueError) as error:
            raise AuthenticationFailed("The token is malformed, expired, or not signed by its builder.") from error
        return AnonymousUser(), builder

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - REST framework's signature
        """Names the scheme in the answer to an unauthenticated request."""
        return "Bearer"


class IsBuilder(BasePermission):
    """Lets builders in, and nobody else."""

    def has_permission(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 - REST framework's signature
        """Says whether a builder has signed the request."""
        return isinstance(request.auth, Builder)


class TooLarge(APIException):
    """The body is larger than such a message can be."""

    status_code = 413
    default_detail = "The body is too large."
    default_code = "too-large"


class Unprocessable(APIException):
    """A field of the message says what cannot be; the field's path is the key of `errors`."""

    status_code = 422
    default_code = "invalid"


@extend_schema(exclude=True)
class AgentView(APIView):
    """A view that only builders may use."""

    authentication_classes: Sequence[type[BaseAuthentication]] = (BuilderAuthentication,)
    permission_classes: Sequence[type[BasePermission]] = (IsBuilder,)
    parser_classes = ()

    @property
    def builder(self) -> Builder:
        """Gives the builder that signed the request."""
        builder = self.request.auth
        if not isinstance(builder, Builder):  # permission_classes has seen to it
            raise AuthenticationFailed
        return builder

    def attempt_of_builder(self, attempt: UUID) -> Attempt:
        """Finds an attempt of the builder that speaks; others' do not exist for it."""
        try:
            found = Attempt.objects.select_related("slot").get(pk=attempt, builder=self.builder)
        except Attempt.DoesNotExist:
            raise NotFound("This builder has no such attempt.") from None
        found.builder = self.builder  # read once a request, and every build makes several
        return found

    def read(self, message: type[Message]) -> Message:
        """Decodes the request's body; 400 where it is no JSON, 413 where it is too long, 422 where a field is wrong."""
        try:
            return msgspec.json.decode(_without_nul(self.read_bytes(BODY_BYTES)), type=message)
        except msgspec.ValidationError as error:
            problem, _, place = str(error).partition(" - at `")
            raise Unprocessable({place.rstrip("`").removeprefix(MESSAGE_ROOT) or "$": [problem]}) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ParseError(f"The body is no JSON: {error}") from error

    def read_bytes(self, limit: int) -> bytes:
        """Reads the request's body, up to `limit` bytes."""
        body: bytes = self.request.read(limit + 1)
        if len(body) > limit:
            raise TooLarge
        return body

    def handle_exception(self, exc: Exception) -> Response:
        """Dresses what the domain refuses; anything else goes its usual way."""
        if isinstance(exc, InvalidField):
            exc = Unprocessable({exc.field: [exc.problem]})
        elif isinstance(exc, Refusal):
            return _problem(exc)
        return super().handle_exception(exc)


def answer(message: msgspec.Struct, *, status: int = 200) -> HttpResponse:
    """Encodes an answer in the wire's form."""
    return HttpResponse(msgspec.json.encode(message), content_type="application/json", status=status)


def _without_nul(body: bytes) -> bytes:
    """Replaces NUL, which no database text can hold and builds do print, by the character for what cannot be shown."""
    return _NUL.sub(rb"\1\\ufffd", body)


def _problem(refusal: Refusal) -> Response:
    status = TooLarge.status_code if isinstance(refusal, LogLimit) else 409
    title = "Content Too Large" if isinstance(refusal, LogLimit) else "Conflict"
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    body |= {"code": refusal.code, "detail": str(refusal)}
    if isinstance(refusal, LogGap):
        body["size"] = refusal.size
    return Response(body, status=status, content_type="application/problem+json")
