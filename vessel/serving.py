"""Serves the published tree: only the shapes of path that it has, with ranges and honest cache headers.

For the embedded installation and small farms. In production nginx serves SERPENT_PUBLIC_DIR itself and this view is
never reached (deploy/nginx/serpent.conf).
"""

import os
import re
from collections.abc import Iterator
from http import HTTPStatus
from io import BufferedReader
from pathlib import Path

from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseNotModified, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import http_date
from django.views.decorators.http import require_safe

from serpent_infra.formats.root_index import FILE_NAME
from vessel.tree import channel_dir

CHUNK = 256 * 1024
UNCHANGING = "public, max-age=31536000, immutable"
MOVING = "no-cache"

_NAME = r"[A-Za-z0-9][A-Za-z0-9-]*"
_FILE = r"[A-Za-z0-9][A-Za-z0-9._+~:@-]*"
_UNCHANGING_PATHS = re.compile(
    rf"history/{_NAME}/\w+/stone\.index|pool/{_NAME}/(?:{_FILE}/){{2,3}}{_FILE}\.stone", re.ASCII
)
_MOVING_PATHS = re.compile(rf"{re.escape(FILE_NAME)}|stream/{_NAME}/\w+/stone\.index", re.ASCII)
_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


@require_safe
def published_file(request: HttpRequest, channel: str, path: str) -> HttpResponseBase:
    """Answers with one file of a channel's tree, or a part of it."""
    if _UNCHANGING_PATHS.fullmatch(path):
        caching = UNCHANGING
    elif _MOVING_PATHS.fullmatch(path):
        caching = MOVING
    else:
        raise Http404("no such file in a repository")
    is_compressed = path == FILE_NAME and "Range" not in request.headers and _accepts_zstd(request)
    opened = _open(channel, f"{path}.zst" if is_compressed else path)
    response = _answer(request, opened)
    response["Cache-Control"] = caching
    if is_compressed and response.status_code == HTTPStatus.OK:
        response["Content-Encoding"] = "zstd"
    if path == FILE_NAME:
        response["Vary"] = "Accept-Encoding"
    return response


def _open(channel: str, path: str) -> BufferedReader:
    """Opens a file below the channel's directory, wherever links lead; raises `Http404` where they lead out."""
    if not re.fullmatch(_NAME, channel):
        raise Http404("no such channel")
    base = channel_dir(channel).resolve()
    try:
        found = (base / path).resolve(strict=True)
        if found.is_relative_to(base) and found.is_file():
            return found.open("rb")
    except (OSError, RuntimeError) as error:
        raise Http404("no such file in the repository") from error
    raise Http404("no such file in the repository")


def _answer(request: HttpRequest, opened: BufferedReader) -> HttpResponseBase:
    status = os.fstat(opened.fileno())
    tag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
    response: HttpResponseBase
    if tag in (text.strip() for text in request.headers.get("If-None-Match", "").split(",")):
        opened.close()
        response = HttpResponseNotModified()
    else:
        response = _whole_or_part(request, opened, size=status.st_size, tag=tag)
    response["ETag"] = tag
    response["Last-Modified"] = http_date(status.st_mtime)
    response["Accept-Ranges"] = "bytes"
    return response


def _whole_or_part(request: HttpRequest, opened: BufferedReader, *, size: int, tag: str) -> HttpResponseBase:
    wanted = _RANGE.fullmatch(request.headers.get("Range", ""))
    if wanted is None or wanted.group() == "bytes=-" or request.headers.get("If-Range", tag) != tag:
        return FileResponse(opened, content_type=_content_type(opened))
    start, end = _bounds(wanted, size)
    if start >= end:
        opened.close()
        return HttpResponse(
            status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers={"Content-Range": f"bytes */{size}"}
        )
    response = StreamingHttpResponse(
        _Part(opened, start, end), status=HTTPStatus.PARTIAL_CONTENT, content_type=_content_type(opened)
    )
    response["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    response["Content-Length"] = str(end - start)
    return response


def _bounds(wanted: re.Match[str], size: int) -> tuple[int, int]:
    """Gives the first byte and the one after the last."""
    first, final = wanted.groups()
    if not first:
        return max(0, size - int(final)), size
    return int(first), min(size, int(final) + 1) if final else size


class _Part:
    """Bytes of an open file from `start` up to `end`; the response closes it, read or not."""

    def __init__(self, opened: BufferedReader, start: int, end: int) -> None:
        self._opened = opened
        self._start = start
        self._end = end

    def __iter__(self) -> Iterator[bytes]:
        self._opened.seek(self._start)
        left = self._end - self._start
        while left and (chunk := self._opened.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk

    def close(self) -> None:
        self._opened.close()


def _content_type(opened: BufferedReader) -> str:
    return "application/json" if Path(opened.name).name.startswith(FILE_NAME) else "application/octet-stream"


def _accepts_zstd(request: HttpRequest) -> bool:
    for text in request.headers.get("Accept-Encoding", "").split(","):
        name, _, parameters = text.partition(";")
        if name.strip().lower() == "zstd":
            return not re.fullmatch(r"q=0(\.0*)?", parameters.strip())
    return False
