"""Proves a published repository as a client sees it: over HTTP, from the root index down to a running program."""

import hashlib
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import requests

from serpent_infra.formats import root_index
from serpent_infra.formats.dependency import Capability
from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.index import read_index
from serpent_infra.formats.stone.extract import extract
from serpent_infra.formats.stone.meta import Meta
from serpent_infra.formats.stone.package import verify_package

TIMEOUT = 30  # seconds for one answer
# What moss puts around /usr, so that programs find their interpreter and their libraries.
ROOT_LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib", "lib32": "usr/lib32"}


class ProofFailed(Exception):
    """The published repository is not what it should be; the text says where."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """A version as its root index and its index describe it."""

    version: str
    index_uri: str
    packages: tuple[Meta, ...]


def read_published(*, base_uri: str, channel: str, stream: str, architecture: str) -> Published:
    """Follows the root index to the index that a stream points to. Raises `ProofFailed`."""
    channel_uri = f"{base_uri.rstrip('/')}/{channel}/"
    try:
        root = root_index.decode_root_index(_get(channel_uri + root_index.FILE_NAME))
        version = root.streams[stream].history
        index_uri = channel_uri + root_index.index_path(version, architecture)
        packages = read_index(_get(index_uri))
    except KeyError:
        raise ProofFailed(f"the root index of {channel} names no stream {stream}") from None
    except FormatError as error:
        raise ProofFailed(str(error)) from error
    return Published(version=version, index_uri=index_uri, packages=tuple(packages))


def download_all(published: Published, directory: Path) -> dict[str, Path]:
    """Fetches every stone of a version, checks each against the index and itself, and gives them by package name."""
    directory.mkdir(parents=True, exist_ok=True)
    return {meta.name: _download(published, meta, directory) for meta in published.packages}


def _download(published: Published, meta: Meta, directory: Path) -> Path:
    if meta.uri is None or meta.hash is None:
        raise ProofFailed(f"{meta.name}: the index says neither where the stone is nor what its hash is")
    body = _get(urljoin(published.index_uri, meta.uri))
    if hashlib.sha256(body).hexdigest() != meta.hash or len(body) != meta.size:
        raise ProofFailed(f"{meta.name}: the stone is not the one that the index names")
    path = directory / meta.file_name
    path.write_bytes(body)
    try:
        inside = verify_package(path).meta
    except FormatError as error:
        raise ProofFailed(str(error)) from error
    if (inside.name, inside.version, inside.release) != (meta.name, meta.version, meta.release):
        raise ProofFailed(f"{meta.name}: the stone is of {inside.name} {inside.version}-{inside.release}")
    return path


def closure(packages: Iterable[Meta], wanted: Sequence[str]) -> list[Meta]:
    """Gives the packages that `wanted` names and all that they depend on. Raises `ProofFailed` for an open end."""
    provider: dict[Capability, Meta] = {}
    for meta in packages:
        for capability in meta.providers:
            provider.setdefault(capability, meta)
    chosen: dict[str, Meta] = {}
    waiting = [(Capability.name(name), "the proof") for name in wanted]
    while waiting:
        capability, asker = waiting.pop()
        found = provider.get(capability)
        if found is None:
            raise ProofFailed(f"nothing published provides {capability}, which {asker} needs")
        if found.name not in chosen:
            chosen[found.name] = found
            waiting += [(dependency, found.name) for dependency in found.depends]
    return list(chosen.values())


def fill_root(root: Path, stones: Iterable[Path]) -> None:
    """Unpacks stones into an empty root directory, with the links that moss makes around `/usr`."""
    root.mkdir(parents=True)
    for name, target in ROOT_LINKS.items():
        (root / name).symlink_to(target)
    for name in ("dev", "proc", "tmp"):
        (root / name).mkdir()
    for stone in stones:
        extract(stone, root / "usr")


def run_inside(root: Path, program: Sequence[str]) -> str:
    """Runs a program with nothing but `root` to run from, and gives what it printed. Raises `ProofFailed`."""
    outcome = subprocess.run(
        [*_changed_root(root), *program],
        env={"PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    if outcome.returncode != 0:
        raise ProofFailed(f"{' '.join(program)} ended with {outcome.returncode}: {outcome.stderr.strip()}")
    return outcome.stdout


def _changed_root(root: Path) -> list[str]:
    bubblewrap = shutil.which("bwrap")
    if bubblewrap:
        return [bubblewrap, "--bind", str(root), "/", "--unshare-all", "--die-with-parent"]
    unshare = shutil.which("unshare")
    if unshare:
        return [unshare, "--map-root-user", f"--root={root}"]
    raise ProofFailed("neither bwrap nor unshare is installed to run a program inside another root")


def _get(uri: str) -> bytes:
    try:
        answer = requests.get(uri, timeout=TIMEOUT)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise ProofFailed(f"{uri}: {error}") from error
    return answer.content
