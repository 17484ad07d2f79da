"""What real builds need of Debian: a debootstrapped base image, and `orig` tarballs as a source cache.

Addresses come from this machine's own apt configuration, so that no host stands in the tree.
"""

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SUITE = "bookworm"
TOOLCHAIN = ["gcc", "g++", "libc6-dev", "make", "binutils", "pkg-config", "patch", "file", "xz-utils", "bzip2", "perl"]
TOOLCHAIN += ["texinfo", "zstd", "libarchive-tools"]
SOURCES = ["zlib", "libpng1.6", "hello"]


@dataclass(frozen=True)
class Debian:
    """A base image and a source cache."""

    base_image: Path
    source_cache: Path


def mirror_uri() -> str:
    """Asks apt where it gets the suite from."""
    if shutil.which("apt-get") is None:
        pytest.skip("no apt-get here")
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for line in targets.splitlines():
        uri, release, component = line.split()
        if (release, component) == (SUITE, "main"):
            return uri
    pytest.skip(f"apt knows no main of {SUITE}")


def debootstrap(target: Path) -> None:
    """Makes a base image with a C toolchain, once: a complete one is kept."""
    if shutil.which("debootstrap") is None:
        pytest.skip("debootstrap is not installed")
    if target.exists():
        return
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    include = ",".join(TOOLCHAIN)
    subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={include}", SUITE, str(partial), mirror_uri()],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    partial.rename(target)


def download_sources(cache: Path, work: Path) -> None:
    """Puts Debian's `orig` tarballs into a source cache, each under its sha256."""
    lists = work / "lists"
    (lists / "partial").mkdir(parents=True)
    (work / "sources.list").write_text(f"deb-src {mirror_uri()} {SUITE} main\n")
    apt = [
        *("apt-get", "-qq", "-o", f"Dir::Etc::SourceList={work / 'sources.list'}", "-o", "Dir::Etc::SourceParts=-"),
        *("-o", f"Dir::State::Lists={lists}", "-o", "APT::Sandbox::User=root"),
    ]
    subprocess.run([*apt, "update"], check=True, cwd=work)
    subprocess.run([*apt, "source", "--download-only", *SOURCES], check=True, cwd=work)
    cache.mkdir(parents=True, exist_ok=True)
    for tarball in work.glob("*.orig.tar.*"):
        if tarball.suffix != ".asc":
            shutil.copyfile(tarball, cache / hashlib.sha256(tarball.read_bytes()).hexdigest())
