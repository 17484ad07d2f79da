"""Errors as problem+json (RFC 9457), each with a stable `code`."""

from typing import Any

from rest_framework.exceptions import APIException, ErrorDetail
from rest_framework.response import Response
from rest_framework.views import exception_handler


class Conflict(APIException):
    """The thing has moved on since the caller looked."""

    status_code = 409
    default_detail = "The resource is not in a state that allows this."
    default_code = "conflict"


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """Dresses any API exception as problem+json: `type`, `title`, `status`, `code`, `detail` or `errors`."""
    response = exception_handler(error, context)
    if response is None:
        return None
    body: dict[str, Any] = {"type": "about:blank", "title": response.status_text, "status": response.status_code}
    detail = response.data.get("detail") if isinstance(response.data, dict) else None
    if isinstance(detail, ErrorDetail):
        body |= {"code": detail.code, "detail": str(detail)}
    else:
        body |= {"code": "invalid", "errors": response.data}
    response.data = body
    response.content_type = "application/problem+json"
    return response
