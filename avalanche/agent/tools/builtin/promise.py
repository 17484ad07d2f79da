"""What a build made, held against the manifest that stands beside its recipe in git: what the recipe promises.

Every build is compared and the log says how it ended; only an order that says so fails by it. A manifest that git does
not hold as it was built is laid out for the report, so that a packager can take it over.
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from avalanche.agent.tools.protocol import BuildFailed, Job
from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.manifest import file_name
from serpent_infra.formats.manifest_difference import ManifestDifference, describe
from serpent_infra.formats.manifest_verify import Verification, verify
from serpent_infra.wire.reports import EXCERPT_LIMIT, MANIFEST_BYTES, ArtefactInfo, ArtefactKind, FailureKind

PHASE = "packaging"
PROMISE_BYTES = 16 * 2**20  # four hundred times the largest that is known
_MOST_LINES = 1000  # of a difference in the log
_ROOM_FOR_THE_REST = 80  # characters of an excerpt


@dataclass(frozen=True, slots=True)
class Promise:
    """The manifest of a commit: its bytes, None where there is none, and why they cannot be had."""

    name: str
    data: bytes | None = None
    problem: str = ""


def read_promise(job: Job) -> Promise:
    """Reads the manifest of the order's architecture from the recipe's directory, before anything is built."""
    name = file_name(job.order.architecture)
    path = job.workspace.recipe_dir / name
    if path.is_symlink():  # it could lead to a file of the builder, and the hub does not read such a one either
        return Promise(name, problem="it is a symbolic link; it must be a file")
    if not path.exists():
        return Promise(name)
    if not path.is_file():
        return Promise(name, problem="it is a directory; it must be a file")
    try:
        size = path.stat().st_size
        if size > PROMISE_BYTES:
            return Promise(name, problem=f"it has {size:,} bytes; the limit is {PROMISE_BYTES:,}")
        return Promise(name, path.read_bytes())
    except OSError as error:
        return Promise(name, problem=str(error.strerror))


def keep_promise(job: Job, promise: Promise, made: Iterable[ArtefactInfo]) -> None:
    """Compares what was made with the promise; raises `BuildFailed` where the order wants it kept and it is not."""
    place = job.workspace.artefacts_dir
    files = {one.kind: place / one.name for one in made if one.kind is not ArtefactKind.PACKAGE}
    if promise.data is None and not promise.problem:
        job.journal.say(f"    The recipe has no {promise.name} in git, so nothing was compared")
        _propose(job, files.values())
        return
    try:
        found = _verified(promise, files[ArtefactKind.BINARY_MANIFEST])
    except FormatError as error:
        _propose(job, files.values())
        sentence = f"The {promise.name} of the commit cannot be read: {error.reason}"
        _end(job, sentence, "The manifest that was built can take its place")
        return
    if found.is_accepted:
        _say_kept(job, promise, found)
        if found.difference:
            _propose(job, files.values())
        return
    _propose(job, files.values())
    lines = list(islice(describe(found.difference), _MOST_LINES + 1))
    job.journal.say(f"    What {promise.name} promises (-) and what was built (+):")
    for line in lines[:_MOST_LINES]:
        job.journal.say(f"    {line}")
    if len(lines) > _MOST_LINES:
        job.journal.say(f"    and more than {_MOST_LINES:,} lines in all")
    sentence = f"The build is not what the recipe's {promise.name} promises: {_counted(found.difference)}"
    _end(job, sentence, "If that is what was meant, commit the manifest that was built", _excerpt(lines))


def _verified(promise: Promise, made: Path) -> Verification:
    if promise.data is None:
        raise FormatError(promise.problem)
    return verify(promise.data, made.read_bytes(), promised_path=promise.name, made_path="the built manifest")


def _say_kept(job: Job, promise: Promise, found: Verification) -> None:
    if found.is_same_file:
        job.journal.say(f"    The build keeps what {promise.name} promises: the manifests are the same file")
        return
    job.journal.say(f"    The build keeps what {promise.name} promises")
    for line in islice(describe(found.difference), _MOST_LINES):
        job.journal.say(f"    {line}")


def _end(job: Job, sentence: str, advice: str, excerpt: str = "") -> None:
    """Fails the build, or says why it is none the worse."""
    if job.order.verify_manifest:
        raise BuildFailed(FailureKind.MANIFEST_MISMATCH, f"{sentence}. {advice}", phase=PHASE, excerpt=excerpt)
    job.journal.say(f"    {sentence}. The order does not hold the build to it")


def _propose(job: Job, files: Iterable[Path]) -> None:
    """Copies manifests to where the report takes them from, as far as they fit into one."""
    room = MANIFEST_BYTES
    for path in files:
        size = path.stat().st_size
        if size > room:
            job.journal.say(f"    {path.name} is too large to be sent with the report")
            continue
        room -= size
        shutil.copyfile(path, job.workspace.proposals_dir / path.name)


def _counted(found: ManifestDifference) -> str:
    """Says in a few words how much differs."""
    parts = []
    if found.added:
        parts.append(f"{_packages(len(found.added))} more")
    if found.removed:
        parts.append(f"{_packages(len(found.removed))} fewer")
    if found.recipe:
        parts.append("what all packages share differs")
    if found.changed:
        parts.append(f"{_packages(len(found.changed))} {'differs' if len(found.changed) == 1 else 'differ'}")
    return ", ".join(parts)


def _packages(number: int) -> str:
    return "1 package" if number == 1 else f"{number} packages"


def _excerpt(lines: list[str]) -> str:
    """Joins the first lines, as many as fit; the log has more."""
    chosen, size = [], 0
    for line in lines:
        if size + len(line) + 1 > EXCERPT_LIMIT - _ROOM_FOR_THE_REST:
            chosen.append("and more, see the log")
            break
        chosen.append(line)
        size += len(line) + 1
    return "\n".join(chosen)
