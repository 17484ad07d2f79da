"""A bare mirror of one repository: fetched by `git`, read with pygit2, rebuilt aside when it is broken."""

import fcntl
import hashlib
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pygit2

from serpent_infra.git.commands import run_git, without_credentials
from serpent_infra.git.errors import GitError
from serpent_infra.git.export import export_tree
from serpent_infra.git.trees import (
    Changes,
    CommitInfo,
    RecipeEntry,
    compare,
    describe,
    find_commit,
    history,
    latest_changes,
    walk_recipes,
)

BLOB_LIMIT = 64 * 2**20
_REFERENCES = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_README = re.compile(r"readme(\.(md|markdown|txt|rst))?\Z", re.IGNORECASE)
_SCAN_LIMIT = 5000


def mirror_name(origin_uri: str) -> str:
    """Names a mirror's directory: host, last path component, and a hash of the whole address, so that none collide."""
    parts = urlsplit(origin_uri)
    host = parts.hostname or "local"
    words = f"{host}-{parts.path.rstrip('/').rpartition('/')[2].removesuffix('.git')}"
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", words).strip("-.")[:60]
    return f"{readable}-{hashlib.sha256(origin_uri.encode()).hexdigest()[:16]}.git"


class Mirror:
    """A bare mirror at `path` of the repository at `origin_uri`.

    Reading needs no lock and may go on while another process fetches. Everything raises `GitError` with a sentence.
    """

    def __init__(self, path: Path, origin_uri: str) -> None:
        self.path = path
        self.origin_uri = origin_uri
        self._opened: pygit2.Repository | None = None

    @classmethod
    def under(cls, directory: Path, origin_uri: str) -> "Mirror":
        """Gives the mirror of an origin at the place that its address decides."""
        return cls(directory / mirror_name(origin_uri), origin_uri)

    # Bringing it up to date

    def fetch(self, *, timeout: float) -> None:
        """Brings all branches and tags, dropping those that are gone; clones first where there is no sound mirror.

        A mirror that is broken is rebuilt aside and swapped in; one whose origin cannot be reached is left as it is.
        Of two processes the second waits. Raises `GitError` after `timeout` seconds in all.
        """
        if self.origin_uri.startswith("-") or not self.origin_uri.strip():
            raise GitError(f"{self.origin_uri!r} is no address of a git repository")
        until = time.monotonic() + timeout
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._locked(until):
            for leftover in self.path.parent.glob(f".{self.path.name}.*.aside"):
                shutil.rmtree(leftover)
            try:
                if not self._looks_sound():
                    self._rebuild(until)
                    return
                try:
                    self._update(until)
                except GitError:
                    run_git("ls-remote", "--heads", "--", self.origin_uri, timeout=until - time.monotonic())
                    # The origin answers, so the fault is in the mirror.
                    self._rebuild(until)
            finally:
                self._opened = None

    def _update(self, until: float) -> None:
        run_git(
            "-c",
            "gc.autoDetach=false",
            "-c",
            "fetch.unpackLimit=1",
            "fetch",
            "--prune",
            "--quiet",
            "--no-write-fetch-head",
            "--",
            self.origin_uri,
            *_REFERENCES,
            timeout=until - time.monotonic(),
            directory=self.path,
        )
        self._opened = None
        for branch in self._branches():
            find_commit(self._repository(), str(self._repository().branches.local[branch].target)).tree  # noqa: B018

    def _rebuild(self, until: float) -> None:
        fresh = self.path.with_name(f".{self.path.name}.{uuid4().hex}.aside")
        old = self.path.with_name(f".{self.path.name}.{uuid4().hex}.aside")
        try:
            run_git(
                "clone",
                "--mirror",
                "--quiet",
                "--no-local",
                "--",
                self.origin_uri,
                str(fresh),
                timeout=until - time.monotonic(),
            )
            if self.path.exists():
                self.path.rename(old)
            fresh.rename(self.path)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)

    def _looks_sound(self) -> bool:
        if not self.path.exists():
            return False
        self._opened = None
        try:
            repository = self._repository()
            return repository.is_bare and all(
                isinstance(repository[repository.branches.local[name].target], pygit2.Commit)
                for name in self._branches()
            )
        except (GitError, pygit2.GitError, KeyError, ValueError):
            return False

    @contextmanager
    def _locked(self, until: float) -> Iterator[None]:
        with self.path.with_name(f".{self.path.name}.lock").open("w") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= until:
                        raise GitError("another process kept the mirror locked for all of the time allowed") from None
                    time.sleep(0.02)
            yield

    # Reading

    def resolve(self, branch: str) -> str:
        """Gives the full commit id that a branch points to, the origin's own default for ""."""
        repository = self._repository()
        try:
            if not branch:
                return str(repository.head.target)
            return str(repository.branches.local[branch].target)
        except (KeyError, ValueError, pygit2.GitError):
            known = ", ".join(sorted(self._branches())[:10]) or "no branch at all"
            wanted = f"no branch {branch!r}" if branch else "no default branch"
            raise GitError(f"{without_credentials(self.origin_uri)} has {wanted}; it has {known}") from None

    def has(self, commit: str) -> bool:
        """Says whether the mirror holds a commit already."""
        try:
            find_commit(self._repository(), commit)
        except GitError:
            return False
        return True

    def commit_info(self, commit: str) -> CommitInfo:
        """Reads author, time and message of a commit."""
        return describe(find_commit(self._repository(), commit))

    def readme(self, commit: str) -> str:
        """Reads the README at the root, markdown before plain text; "" where there is none."""
        found = {item.name: item for item in self._tree(commit) if item.name and _README.match(item.name)}
        for name in sorted(found, key=lambda name: (not name.lower().endswith((".md", ".markdown")), name)):
            item = found[name]
            if isinstance(item, pygit2.Blob) and item.size <= BLOB_LIMIT:
                return item.data.decode(errors="replace")
        return ""

    def recipes(self, commit: str) -> list[RecipeEntry]:
        """Lists every recipe of a commit."""
        return list(walk_recipes(self._tree(commit)))

    def changed(self, old: str, new: str) -> Changes:
        """Compares two commits: which recipe directories changed, are new or are gone."""
        return compare(self._tree(old), self._tree(new))

    def blob(self, commit: str, path: str) -> bytes:
        """Reads one file of a commit."""
        try:
            item = self._tree(commit)[path]
        except KeyError:
            raise GitError(f"{path} does not exist at {commit[:12]}") from None
        if not isinstance(item, pygit2.Blob):
            raise GitError(f"{path} is no file at {commit[:12]}")
        return self.blob_data(str(item.id))

    def blob_data(self, blob: str) -> bytes:
        """Reads a file by its blob id; refuses one above `BLOB_LIMIT` bytes, and says when the object is missing."""
        try:
            item = self._repository()[blob]
        except (KeyError, ValueError, pygit2.GitError) as error:
            raise GitError(f"the mirror lacks the object {blob[:12]}") from error
        if not isinstance(item, pygit2.Blob):
            raise GitError(f"{blob[:12]} is no file")
        if item.size > BLOB_LIMIT:
            raise GitError(f"the file has {item.size:,} bytes; the limit is {BLOB_LIMIT:,}")
        return item.data

    def latest_changes(self, *, new: str, old: str | None, paths: set[str]) -> dict[str, str]:
        """Names for recipe paths the newest commit after `old` up to `new` that changed each; others are absent."""
        return latest_changes(self._repository(), new=new, old=old, paths=paths, scan_limit=_SCAN_LIMIT)

    def history(self, path: str, *, commit: str, limit: int = 50) -> list[CommitInfo]:
        """Lists the newest commits that changed a recipe's directory, newest first."""
        return history(self._repository(), commit=commit, path=path, limit=limit, scan_limit=_SCAN_LIMIT)

    def export(self, commit: str, directory_path: str, destination: Path) -> None:
        """Writes a directory of a commit ("" for its root) into the empty directory `destination`, safely."""
        tree = self._tree(commit)
        if directory_path:
            try:
                item = tree[directory_path]
            except KeyError:
                raise GitError(f"{directory_path} does not exist at {commit[:12]}") from None
            if not isinstance(item, pygit2.Tree):
                raise GitError(f"{directory_path} is no directory at {commit[:12]}")
            tree = item
        export_tree(tree, destination)

    def _repository(self) -> pygit2.Repository:
        if self._opened is None:
            try:
                self._opened = pygit2.Repository(str(self.path))
            except (KeyError, pygit2.GitError) as error:
                raise GitError(f"there is no mirror of {without_credentials(self.origin_uri)} yet") from error
        return self._opened

    def _branches(self) -> list[str]:
        return list(self._repository().branches.local)

    def _tree(self, commit: str) -> pygit2.Tree:
        try:
            return find_commit(self._repository(), commit).tree
        except (KeyError, pygit2.GitError) as error:
            raise GitError(f"the mirror lacks the tree of {commit[:12]}") from error
