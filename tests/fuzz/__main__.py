"""Fuzzes the formats by coverage: `python -m tests.fuzz [TARGET…] --seconds N`, each target in a process of its own.

What makes a target fail is left in `var/fuzz/<target>/crashes`, what reaches new code in `corpus` beside it.
"""

import argparse
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

_STATE = Path("var/fuzz")
_MEMORY = 1024  # MiB
_SLOWEST = 20  # seconds an input may take
_LONGEST = 1 << 14  # bytes


def main() -> int:
    """Runs the targets one after the other; 1 where one failed."""
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=60, help="how long each target runs")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        _fuzz(arguments.targets[0], arguments.seconds)
    names = arguments.targets or _names()
    failed = [
        name
        for name in names
        if subprocess.run(
            [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(arguments.seconds), "--inside"], check=False
        ).returncode
    ]
    print(f"fuzzed {', '.join(names)}; failed: {', '.join(failed) or 'none'}")  # noqa: T201 (its result)
    return 1 if failed else 0


def _names() -> list[str]:
    from tests.fuzz.targets import TARGETS  # noqa: PLC0415 (a fuzzing process imports it instrumented)

    return list(TARGETS)


def _fuzz(name: str, seconds: int) -> None:
    """Fuzzes one target in this process, which ends with it."""
    try:
        atheris: Any = import_module("atheris")
    except ImportError:
        raise SystemExit("atheris is not installed: it comes for Linux on x86_64 and Python below 3.14") from None

    with atheris.instrument_imports(include=["serpent_infra.formats"]):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415 (to be instrumented)
    target = TARGETS[name]
    place = _STATE / name
    corpus, crashes, words = place / "corpus", place / "crashes", place / "words"
    for directory in (corpus, crashes):
        directory.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))
    atheris.Setup(
        [
            name,
            f"-max_total_time={seconds}",
            f"-rss_limit_mb={_MEMORY}",
            f"-timeout={_SLOWEST}",
            f"-max_len={_LONGEST}",
            *([f"-dict={words}"] if target.words else []),
            f"-artifact_prefix={crashes}/",
            "-print_final_stats=1",
            "-verbosity=0",
            str(corpus),
        ],
        target.check,
    )
    atheris.Fuzz()


def _escaped(word: str) -> str:
    """Writes a word as libFuzzer's dictionaries have it."""
    return "".join(
        one if (one.isascii() and one.isalnum()) or one in " _-:%()/|*&.=#{}" else f"\\x{ord(one):02x}" for one in word
    )


if __name__ == "__main__":
    sys.exit(main())
