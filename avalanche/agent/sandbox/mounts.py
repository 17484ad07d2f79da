"""Mounts of this process's namespace: what a build left behind under a directory is unmounted.

Builds mount in namespaces of their own, which vanish with their last process; this is the net beneath them.
"""

import subprocess
from pathlib import Path


def mounted_under(directory: Path) -> list[Path]:
    """Lists what is mounted at or below `directory`, innermost first."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    paths = [Path(point.encode().decode("unicode_escape")) for point in points]
    return [path for path in reversed(paths) if path.is_relative_to(directory)]


def unmount_under(directory: Path) -> list[Path]:
    """Unmounts everything at or below `directory` and says what that was."""
    found = mounted_under(directory.resolve())
    for path in found:
        subprocess.run(["umount", "--lazy", path], check=False, capture_output=True)
    return found
