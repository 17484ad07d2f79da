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
from serpent_infra.git.directories import FileChange, PatchLine, differing, patch
from serpent_infra.git.errors import GitError, MirrorBroken
from serpent_infra.git.export import export_tree
from serpent_infra.git.lineage import Step, line
from serpent_infra.git.trees import Changes, CommitInfo, RecipeEntry, compare, describe, find_commit, walk_recipes

BLOB_LIMIT = 64 * 2**20
README_LIMIT = 2**20
_REFERENCES = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_DEFAULT = re.compile(r"^ref: (refs/heads/\S+)\tHEAD$", re.MULTILINE)  # as `git ls-remote --symref` says it
_README = re.compile(r"readme(\.(md|markdown|txt|rst))?\Z", re.IGNORECASE)
# Locks and half-written files that git leaves when it is killed; all who write here hold our own lock.
_STALE = ("*.lock", "gc.pid", "refs/**/*.lock", "objects/**/tmp_*", "objects/**/*.lock")


def mirror_name(origin_uri: str) -> str:
    """Names a mirror's directory: host, last path component, and a hash of the whole address, so that none collide."""
    parts = urlsplit(origin_uri)
    host = parts.hostname or "local"
    words = f"{host}-{parts.path.rstrip('/').rpartition('/')[2].removesuffix('.git')}"
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", words).strip("-.")[:60]
    return f"{readable}-{hashlib.sha256(origin_uri.encode()).hexdigest()[:16]}.git"


def _rename_packs(path: Path) -> None:
    """Gives the packs of a new mirror names of their own.

    libgit2 keeps packs open by their paths for the whole process: whoever still holds a damaged mirror would otherwise
    have everybody read the damaged pack on, for the same objects make a pack of the same name.
    """
    for pack in list(path.glob("objects/pack/pack-*.pack")):
        fresh = f"pack-{uuid4().hex}{uuid4().hex[:8]}"
        for part in list(pack.parent.glob(f"{pack.stem}.*")):
            part.rename(part.with_name(f"{fresh}{part.suffix}"))


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

    def fetch(self, *, timeout: float, asks_default: bool = False) -> None:
        """Brings all branches and tags, dropping those that are gone; clones first where there is no sound mirror.

        With `asks_default` the origin is asked, too, which branch is its default now. A mirror that is broken is
        rebuilt aside and swapped in; one whose origin cannot be reached is left as it is. Of two processes the second
        waits. Raises `GitError` after `timeout` seconds in all.
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
                for pattern in _STALE:
                    for leftover in self.path.glob(pattern):
                        leftover.unlink(missing_ok=True)
                try:
                    self._update(until)
                    if asks_default:
                        self._follow_default(until)
                except GitError:
                    run_git("ls-remote", "--heads", "--", self.origin_uri, timeout=until - time.monotonic())
                    # The origin answers, so the fault is in the mirror.
                    self._rebuild(until)
            finally:
                self._opened = None

    def heal(self, *, timeout: float) -> None:
        """Clones anew and swaps the mirror: for whoever met `MirrorBroken`. Raises `GitError`."""
        until = time.monotonic() + timeout
        with self._locked(until):
            try:
                self._rebuild(until)
            finally:
                self._opened = None

    def _update(self, until: float) -> None:
        run_git(
            "-c",
            "gc.autoDetach=false",
            "-c",
            "maintenance.autoDetach=false",
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

    def _follow_default(self, until: float) -> None:
        """Points HEAD to the origin's default branch: git does so when it clones, and never again."""
        told = run_git("ls-remote", "--symref", "--", self.origin_uri, "HEAD", timeout=until - time.monotonic())
        found = _DEFAULT.search(told)
        if found is not None:
            self._repository().set_head(found[1])

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
            _rename_packs(fresh)
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

    def continues(self, old: str, new: str) -> bool:
        """Says whether a commit comes after another in history; not so where history was rewritten."""
        with self._reading():
            return old == new or self._repository().descendant_of(new, old)

    def commit_info(self, commit: str) -> CommitInfo:
        """Reads author, time and message of a commit."""
        with self._reading():
            return describe(find_commit(self._repository(), commit))

    def readme(self, commit: str) -> str:
        """Reads the README at the root, markdown before plain text; "" where there is none."""
        with self._reading():
            found = {item.name: item for item in self._tree(commit) if item.name and _README.match(item.name)}
            for name in sorted(found, key=lambda name: (not name.lower().endswith((".md", ".markdown")), name)):
                item = found[name]
                if isinstance(item, pygit2.Blob) and item.size <= README_LIMIT:
                    return item.data.decode(errors="replace").replace("\0", "")
        return ""

    def recipes(self, commit: str) -> list[RecipeEntry]:
        """Lists every recipe of a commit."""
        with self._reading():
            return list(walk_recipes(self._tree(commit)))

    def changed(self, old: str, new: str) -> Changes:
        """Compares two commits: which recipe directories changed, are new or are gone."""
        with self._reading():
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
        """Reads a file by its blob id; refuses one above `BLOB_LIMIT` unread; `MirrorBroken` for one that is lost."""
        try:
            repository = self._repository()
            size = int(repository.odb.read_header(blob)[1])
            if size > BLOB_LIMIT:
                raise GitError(f"the file has {size:,} bytes; the limit is {BLOB_LIMIT:,}")
            item = repository[blob]
        except (KeyError, ValueError, pygit2.GitError) as error:
            raise MirrorBroken(f"the mirror lacks the object {blob[:12]}") from error
        if not isinstance(item, pygit2.Blob):
            raise GitError(f"{blob[:12]} is no file")
        return item.data

    def parent(self, commit: str) -> str:
        """Gives the commit before on the branch's own line, "" where there is none, or it is not here."""
        with self._reading():
            parents = find_commit(self._repository(), commit).parent_ids
            return str(parents[0]) if parents and self.has(str(parents[0])) else ""

    def has_directory(self, commit: str, directory_path: str) -> bool:
        """Says whether a commit has a directory of that path; "" is its root."""
        return self._directory(commit, directory_path) is not None

    def differing(self, old: tuple[str, str] | None, new: tuple[str, str]) -> Iterator[FileChange]:
        """Compares the files of two directories, each a commit and a path ("" for its root); None has no files.

        Raises `TooManyEntries` on the way.
        """
        with self._reading():
            yield from differing(None if old is None else self._directory(*old), self._directory(*new))

    def size(self, blob: str) -> int:
        """Gives the bytes of a file by its blob id, without reading it; `MirrorBroken` for one that is lost."""
        with self._reading():
            return int(self._repository().odb.read_header(blob)[1])

    def patch(self, old: str, new: str) -> list[PatchLine] | None:
        """Gives the unified diff of two files by their blob ids ("" for none), None where one of them is binary."""
        with self._reading():
            repository = self._repository()
            blobs = [repository[blob].peel(pygit2.Blob) if blob else None for blob in (old, new)]
            return patch(blobs[0], blobs[1])

    def line(self, *, new: str, old: str = "", limit: int) -> Iterator[Step]:
        """Walks the branch's own commits from `new` to `old`, newest first, up to `limit` of them."""
        with self._reading():
            yield from line(self._repository(), new=new, old=old, limit=limit)

    def export(self, commit: str, directory_path: str, destination: Path) -> None:
        """Writes a directory of a commit ("" for its root) into the empty directory `destination`, safely."""
        with self._reading():
            tree = self._tree(commit)
            if directory_path:
                try:
                    item = tree[directory_path]
                except KeyError:
                    raise GitError(f"{directory_path} does not exist at {commit[:12]}") from None
                if not isinstance(item, pygit2.Tree):
                    raise GitError(f"{directory_path} is no directory at {commit[:12]}")
                tree = item
        try:
            export_tree(tree, destination)
        except (KeyError, pygit2.GitError) as error:
            raise MirrorBroken(f"the mirror cannot be read: {error}") from error

    def _repository(self) -> pygit2.Repository:
        if self._opened is None:
            try:
                self._opened = pygit2.Repository(str(self.path))
            except (KeyError, pygit2.GitError) as error:
                raise GitError(f"there is no mirror of {without_credentials(self.origin_uri)} yet") from error
        return self._opened

    def _branches(self) -> list[str]:
        return list(self._repository().branches.local)

    def _directory(self, commit: str, path: str) -> pygit2.Tree | None:
        tree = self._tree(commit)
        if not path:
            return tree
        try:
            item = tree[path]
        except KeyError:
            return None
        return item if isinstance(item, pygit2.Tree) else None

    def _tree(self, commit: str) -> pygit2.Tree:
        try:
            return find_commit(self._repository(), commit).tree
        except (KeyError, pygit2.GitError) as error:
            raise MirrorBroken(f"the mirror lacks the tree of {commit[:12]}") from error

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Names what pygit2 complains of: an object that is missing or damaged."""
        try:
            yield
        except (KeyError, ValueError, OSError, pygit2.GitError) as error:
            raise MirrorBroken(f"the mirror cannot be read: {error}") from error
