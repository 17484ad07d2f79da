"""The only names that may become a path component, a queue or a URL: checked before they touch anything."""

import re
from typing import Annotated

import msgspec

BUILDER_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}\Z"
# Package files are named by the packager's recipe: the first character keeps `.` and `-` from leading.
FILE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._+~:@-]{0,254}\Z"
SHA256_PATTERN = r"^[0-9a-f]{64}\Z"
COMMIT_PATTERN = r"^[0-9a-f]{40}([0-9a-f]{24})?\Z"
IDENTIFIER_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9-]{0,62}\Z"
ARCHITECTURE_PATTERN = r"^[a-z0-9_]{1,32}\Z"
ISA_LEVEL_PATTERN = r"^[a-z0-9_-]{0,32}\Z"  # empty for the baseline
RECIPE_PATH_PATTERN = r"^(?!.*(^|/)\.{1,2}(/|\Z))[^/\x00-\x1f][^\x00-\x1f]{0,1023}\Z"

BuilderName = Annotated[str, msgspec.Meta(pattern=BUILDER_PATTERN)]
FileName = Annotated[str, msgspec.Meta(pattern=FILE_PATTERN)]
Sha256 = Annotated[str, msgspec.Meta(pattern=SHA256_PATTERN)]
CommitId = Annotated[str, msgspec.Meta(pattern=COMMIT_PATTERN)]
Identifier = Annotated[str, msgspec.Meta(pattern=IDENTIFIER_PATTERN)]
IsaLevel = Annotated[str, msgspec.Meta(pattern=ISA_LEVEL_PATTERN)]
Architecture = Annotated[str, msgspec.Meta(pattern=ARCHITECTURE_PATTERN)]
RecipePath = Annotated[str, msgspec.Meta(pattern=RECIPE_PATH_PATTERN)]
BYTE_LIMIT = 2**40  # more than any one thing has that builders and hub tell each other of
ByteCount = Annotated[int, msgspec.Meta(ge=0, le=BYTE_LIMIT)]
Epoch = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


def is_file_name(text: str) -> bool:
    """Says whether `text` may name an artefact: one path component of a strict alphabet, never `.` or `..`."""
    return re.match(FILE_PATTERN, text) is not None


def slot_queue(builder: str, slot: int) -> str:
    """Names the Celery queue of one slot, `build.<builder>.<slot>`."""
    return f"build.{builder}.{slot}"
