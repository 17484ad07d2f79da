"""A repository as a client knows it, and the way from it to an index and to packages (stone-spec 2.2, 2.4, 2.5)."""

from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import xxhash

from serpent_infra.formats.errors import FormatError
from serpent_infra.formats.root_index import FILE_NAME, LATEST_FORMAT, RootIndex, check_component, index_path

SCHEMES = frozenset({"http", "https", "file"})
KNOWN_FORMATS = frozenset({"legacy", LATEST_FORMAT})
DEFAULT_CHANNEL = "main"
DEFAULT_ARCHITECTURE = "x86_64"
MAX_PRIORITY = 2**64 - 1

_SCOPES = ("stream/", "tag/", "history/")


@dataclass(frozen=True, slots=True)
class DirectSource:
    """A repository by the URI of its index."""

    uri: str

    def __post_init__(self) -> None:
        check_uri(self.uri)

    @property
    def cache_name(self) -> str:
        """The directory that holds what the client remembers of it, below `.moss/repo`."""
        return _cache_name(self.uri)


@dataclass(frozen=True, slots=True)
class ChannelSource:
    """A repository by a version (`stream/X`, `tag/X` or `history/X`) of a channel, which its root index leads to."""

    base_uri: str
    version: str
    channel: str = DEFAULT_CHANNEL
    architecture: str = DEFAULT_ARCHITECTURE

    def __post_init__(self) -> None:
        check_uri(self.base_uri)
        if not self.version.startswith(_SCOPES):
            raise FormatError(f"the version {self.version!r} is neither stream/…, tag/… nor history/…")
        check_component(self.channel)
        check_component(self.architecture)

    @property
    def cache_name(self) -> str:
        """The directory that holds what the client remembers of it, below `.moss/repo`."""
        return _cache_name(f"{self.base_uri}-{self.channel}-{self.version}-{self.architecture}")

    @property
    def root_index_uri(self) -> str:
        """Where the channel's root index is."""
        return f"{self._channel_uri}{FILE_NAME}"

    def index_uri(self, root_index: RootIndex) -> str:
        """Gives where the version's index is.

        Raises `FormatError` where the version is not there, and where its history is in a format that is not known;
        the message then names the index by which an old client upgrades, where the root index has one.
        """
        history = root_index.resolve(self.version)
        history_format = root_index.history[history]
        if history_format not in KNOWN_FORMATS:
            raise FormatError(
                f"{self.version} is in the format {history_format!r}, which is not known here; {self._way(root_index)}"
            )
        return self._history_uri(history)

    def _way(self, root_index: RootIndex) -> str:
        upgrade = root_index.formats[LATEST_FORMAT].get("upgrade_via")
        if not isinstance(upgrade, str):
            return "the root index names no way to upgrade"
        try:
            history = root_index.resolve(upgrade)
        except FormatError as error:
            return f"upgrade by {upgrade}, but {error.reason}"
        return f"upgrade by {self._history_uri(history)} ({upgrade})"

    @property
    def _channel_uri(self) -> str:
        return f"{self.base_uri.rstrip('/')}/{self.channel}/"

    def _history_uri(self, history: str) -> str:
        return self._channel_uri + index_path(history, self.architecture)


Source = DirectSource | ChannelSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """One repository of a client.

    Attributes:
        id: its name on this machine; `sanitised` gives what of a text may stand in one.
        description: for people.
        source: where it is.
        priority: 0 to 2**64 - 1; the larger number wins.
        is_active: whether the client uses it.
    """

    id: str
    description: str
    source: Source
    priority: int
    is_active: bool = True

    def __post_init__(self) -> None:
        if not self.id or sanitised(self.id) != self.id:
            raise FormatError(f"{self.id!r} is no repository's name: letters, digits, '-' and '_' are")
        if not 0 <= self.priority <= MAX_PRIORITY:
            raise FormatError(f"{self.id}: the priority {self.priority} is not between 0 and 2^64 - 1")


def sanitised(text: str) -> str:
    """Gives a repository's id of a text: what is neither letter, digit nor `-` becomes `_`."""
    return "".join(one if one.isalnum() or one == "-" else "_" for one in text)


def package_uri(index_uri: str, uri: str) -> str:
    """Gives where a package is whose entry in the index at `index_uri` says `uri`, relative or absolute.

    Raises `FormatError` where that is no address a client fetches from.
    """
    try:
        joined = urljoin(index_uri, uri)
    except ValueError as error:
        raise FormatError(f"{uri!r} cannot be joined to {index_uri}: {error}") from error
    return check_uri(joined)


def check_uri(uri: str) -> str:
    """Gives an address back. Raises `FormatError` where it is none of http, https or file."""
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError as error:
        raise FormatError(f"{uri!r} is no URI: {error}") from error
    if parts.scheme not in SCHEMES or not (parts.netloc or parts.scheme == "file") or not uri.isprintable():
        raise FormatError(f"{uri!r} is no URI of http, https or file")
    return uri


def _cache_name(text: str) -> str:
    return f"{xxhash.xxh3_64_intdigest(f'moss-{text}'.encode()):x}"
