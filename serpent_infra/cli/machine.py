"""What the command asks of the machine before it reads or writes."""

import errno
import os
import shutil
from pathlib import Path


def regular(path: Path) -> Path:
    """Gives a path back that leads to a regular file: another one could block, or never end. Raises `OSError`."""
    if not path.is_file():
        code = errno.EISDIR if path.is_dir() else errno.EINVAL if path.exists() else errno.ENOENT
        reason = "is no regular file" if code == errno.EINVAL else os.strerror(code)
        raise OSError(code, reason, str(path))
    return path


def free_bytes(path: Path) -> int:
    """Gives how much the disk of an existing path still takes."""
    return shutil.disk_usage(path).free
