"""Files by byte ranges (RFC 9110, section 14): one range a request, the whole file where none is asked for."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

BLOCK_BYTES = 256 * 1024
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})\Z")


class Unsatisfiable(Exception):
    """The range begins behind the end of the file."""


def parse(header: str, *, size: int) -> tuple[int, int] | None:
    """Gives the half-open span of bytes that a Range header asks for; None where it is to be ignored.

    Several ranges, other units and malformed headers are ignored, as the RFC allows. Raises `Unsatisfiable`.
    """
    match = _RANGE.match(header.strip())
    if match is None or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    if not first:  # the last n bytes
        if int(last) == 0:
            raise Unsatisfiable
        return max(0, size - int(last)), size
    start, stop = int(first), min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return None
    if start >= size:
        raise Unsatisfiable
    return start, stop


def file_response(request: HttpRequest, path: Path, *, content_type: str) -> HttpResponseBase:
    """Answers with a file as it is now: 200, 206 or 416; raises `FileNotFoundError`."""
    file = path.open("rb")
    size = file.seek(0, 2)
    try:
        span = parse(request.headers.get("Range", ""), size=size)
    except Unsatisfiable:
        file.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"})
    start, stop = span or (0, size)
    file.seek(start)
    response = StreamingHttpResponse(
        _Blocks(file, stop - start), status=206 if span else 200, content_type=content_type
    )
    response["Content-Length"] = str(stop - start)
    response["Accept-Ranges"] = "bytes"
    if span:
        response["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return response


class _Blocks:
    """The blocks of a span of a file; Django closes it, and so the file, with the response."""

    def __init__(self, file: IO[bytes], length: int) -> None:
        self._file = file
        self._left = length

    def __iter__(self) -> Iterator[bytes]:
        while self._left and (block := self._file.read(min(BLOCK_BYTES, self._left))):
            self._left -= len(block)
            yield block

    def close(self) -> None:
        self._file.close()
