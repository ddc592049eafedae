"""One living controller a data folder: a file lock that the kernel frees when its holder dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from actors.postgres.errors import FolderInUseError, PostgresSetupError

LOCK_FILE = "controller.lock"
FOLDER_MODE = 0o711
"""Of a data folder that we make: the server, another user when we are root, passes through."""


@contextmanager
def data_lock(folder: Path) -> Generator[None]:
    """Hold `folder` (made if need be) for this process until the block is left.

    Raises `FolderInUseError` at once when another process holds it, `PostgresSetupError` when
    the folder cannot be written. The file stays behind: removing it would be a race, and a file
    that nobody holds refuses nobody.
    """
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        fd = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise PostgresSetupError(
            f"the data folder {folder} cannot be written: {error.strerror}"
        ) from error
    try:
        _take(fd, folder)
        yield
    finally:
        os.close(fd)


def _take(fd: int, folder: Path) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(fd, 20, 0).decode(errors="replace").strip() or "?"
        raise FolderInUseError(
            f"another controller (process {holder}) works on {folder}: "
            "stop it first, or give this one a DATA_DIR of its own"
        ) from None
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
