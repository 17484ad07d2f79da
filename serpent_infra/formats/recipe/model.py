"""What a recipe says, as frozen values (stone-spec 4.1 to 4.5); texts stand as written, macros unexpanded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class Toolchain(StrEnum):
    """Which compilers build a recipe."""

    LLVM = "llvm"
    GNU = "gnu"


class PathKind(StrEnum):
    """What a path rule says it is about; read and kept, the collector does not look at it."""

    ANY = "any"
    EXE = "exe"
    SYMLINK = "symlink"
    SPECIAL = "special"


@dataclass(frozen=True, slots=True)
class PathRule:
    """A pattern of absolute paths that belong to a package."""

    pattern: str
    kind: PathKind = PathKind.ANY


class WarningKind(StrEnum):
    """What a warning is about; the values are stable."""

    UNKNOWN_KEY = "unknown-key"
    """A key that means nothing where it stands, and is ignored."""
    SECOND_KEY = "second-key"
    """A further key of an item that counts by its first one only, and is ignored."""
    REWRITTEN_VERSION = "rewritten-version"
    """An unquoted version that boulder reads as a number and writes otherwise."""
    ODD_VERSION = "odd-version"
    """A version that does not begin with a digit."""
    NO_DEPENDENCY = "no-dependency"
    """A text among dependencies that is none, and is ignored."""
    QUOTED_NUMBER = "quoted-number"
    """A number in quotes, which boulder takes for text and refuses."""
    UNQUOTED_TEXT = "unquoted-text"
    """A number or a truth value where text is meant, which boulder refuses without quotes."""
    NO_VALUE = "no-value"
    """A key with nothing behind it where boulder wants a list, a truth value or a name, and refuses the recipe."""
    LEFT_OUT = "left-out"
    """How many further warnings there were."""


@dataclass(frozen=True, slots=True)
class RecipeWarning:
    """Something odd that does not stop a build; `line` and `column` from 1."""

    text: str
    line: int
    column: int
    kind: WarningKind

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """An upstream file pinned by its SHA-256 (lower-case hex)."""

    uri: str
    sha256: str
    rename: str | None = None
    strip_dirs: int = 1
    unpack: bool = True
    unpack_dir: str | None = None

    @property
    def file_name(self) -> str:
        """The name of the file in the source directory: `rename`, or the last segment of the URI's path."""
        return self.rename or last_segment(self.uri)

    @property
    def directory(self) -> str | None:
        """Where it is unpacked below the build directory; None when it is not unpacked."""
        return (self.unpack_dir or self.file_name) if self.unpack else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Git:
    """An upstream repository at a ref; `uri` is without the `git|` prefix."""

    uri: str
    ref: str
    clone_dir: str | None = None

    @property
    def file_name(self) -> str:
        """The name of the checkout in the source directory."""
        return last_segment(self.uri)

    @property
    def directory(self) -> str:
        """Where it is copied to below the build directory."""
        return self.clone_dir or self.file_name


Upstream = Archive | Git


def last_segment(uri: str) -> str:
    """Takes the last non-empty segment of a URI's path, without query and fragment; "" where it has no path."""
    bare = uri.partition("#")[0].partition("?")[0]
    _, has_scheme, rest = bare.partition("://")
    path = rest.partition("/")[2] if has_scheme else bare
    return path.rstrip("/").rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One package of a recipe, or a template of one; None where it says nothing."""

    summary: str | None = None
    description: str | None = None
    rundeps: tuple[str, ...] = ()
    rundeps_exclude: tuple[str, ...] = ()
    provides_exclude: tuple[str, ...] = ()
    paths: tuple[PathRule, ...] = ()
    conflicts: tuple[str, ...] = ()


SCRIPT_KEYS = ("environment", "setup", "build", "install", "check", "workload")


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """How to build: scripts by key (one of `SCRIPT_KEYS`) and what must be installed for it.

    `first_lines` says for each script whose lines are those of the file in which of these it begins, from 1.
    """

    scripts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    builddeps: tuple[str, ...] = ()
    checkdeps: tuple[str, ...] = ()
    first_lines: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}), compare=False)


@dataclass(frozen=True, slots=True)
class TuningChoice:
    """One item of `tuning`: a group switched on or off, or on with one of its choices."""

    group: str
    enabled: bool = True
    choice: str | None = None
    line: int | None = field(default=None, compare=False)  # in the recipe, from 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The switches of a recipe; `toolchain` is None where the recipe leaves it to the build tool."""

    toolchain: Toolchain | None = None
    emul32: bool = False
    mold: bool = False
    debug: bool = True
    strip: bool = True
    lastrip: bool = True
    networking: bool = False
    compressman: bool = False
    cspgo: bool = False
    samplepgo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A `stone.yaml`.

    `root` is the package that carries the recipe's own name; `packages` and `profiles` keep the order of the file.
    """

    name: str
    version: str
    release: int
    homepage: str
    licences: tuple[str, ...]
    root: Package
    build: Build
    upstreams: tuple[Upstream, ...] = ()
    packages: tuple[tuple[str, Package], ...] = ()
    profiles: tuple[tuple[str, Build], ...] = ()
    architectures: tuple[str, ...] = ()
    tuning: tuple[TuningChoice, ...] = ()
    options: Options = Options()
    warnings: tuple[RecipeWarning, ...] = ()

    @property
    def summary(self) -> str:
        """The root package's summary, "" where there is none."""
        return self.root.summary or ""

    @property
    def description(self) -> str:
        """The root package's description, stripped, "" where there is none."""
        return (self.root.description or "").strip()

    @property
    def manifest_build_depends(self) -> tuple[str, ...]:
        """What manifests record as build dependencies: the root level's, as written, sorted and without repetition."""
        return tuple(sorted({*self.build.builddeps, *self.build.checkdeps}, key=str.encode))

    @property
    def build_depends(self) -> tuple[str, ...]:
        """All that the recipe itself asks to be installed for a build, those of its profiles included, sorted."""
        levels = (self.build, *(build for _, build in self.profiles))
        names = {name for level in levels for name in (*level.builddeps, *level.checkdeps)}
        return tuple(sorted(names, key=str.encode))
