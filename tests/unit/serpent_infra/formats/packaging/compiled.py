"""ELF files for these tests, made by the machine's gcc and binutils; tests that use them carry `needs_gcc`."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

needs_gcc = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("gcc", "ld", "objcopy", "strip", "readelf")),
    reason="needs gcc and binutils",
)


def library(target: Path, soname: str, *options: str | Path, source: str = "int answer(void) { return 42; }\n") -> Path:
    """Links a shared library with a soname ("" for none), debug symbols and a build id."""
    names = [f"-Wl,-soname,{soname}"] if soname else []
    return _compiled(target, source, "-shared", "-fPIC", *names, *options)


def program(target: Path, *options: str | Path, source: str = "int main(void) { return 0; }\n") -> Path:
    """Links a program with debug symbols and a build id."""
    path = _compiled(target, source, *options)
    path.chmod(0o755)
    return path


def library_of_32_bits(target: Path, soname: str) -> Path:
    """Links a library for 32-bit x86 that needs no C library, which this machine may not have."""
    object_file = _compiled(
        target.with_name(f"{target.name}.o"),
        "int answer(void) { return 42; }\n",
        "-m32",
        "-c",
        "-fPIC",
        "-fno-asynchronous-unwind-tables",
    )
    link: list[str | Path] = [
        "ld",
        "-m",
        "elf_i386",
        "-shared",
        "--build-id=sha1",
        f"-soname={soname}",
        object_file,
        "-o",
        target,
    ]
    done = subprocess.run(link, capture_output=True, text=True, check=False)
    object_file.unlink()
    if done.returncode != 0:
        pytest.skip(f"this machine's ld links no 32-bit x86: {done.stderr.strip()}")
    return target


def build_id(path: Path) -> str:
    """Asks readelf for a file's build id."""
    match = re.search(r"Build ID: ([0-9a-f]+)", readelf("-n", path))
    assert match is not None
    return match[1]


def readelf(*arguments: str | Path) -> str:
    """Gives what readelf prints."""
    command = ["readelf", "-W", *arguments]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=True).stdout


def _compiled(target: Path, source: str, *options: str | Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    command = ["gcc", "-g", "-x", "c", "-", "-x", "none", "-Wl,--build-id=sha1", *options, "-o", target]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    if "-m32" in options and done.returncode != 0:
        pytest.skip(f"this machine's gcc makes no 32-bit x86: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return target
