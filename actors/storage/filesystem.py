"""Artifacts as files of one folder: written under a temporary name, synced, then renamed.

A file under its final name is complete and on disk. Functions here block: call them in a thread,
but for `close_quietly`. Locations come from our own rows, never from a client.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from actors.domain.artifact import Kind
from actors.domain.errors import OperatorError

INCOMING = "incoming"
_MODE = 0o600


class StorageSetupError(OperatorError):
    """The storage folder cannot be used; the text is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file that is being written."""

    path: Path
    fd: int


class FileStore:
    """All artifacts below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Make the folders; `StorageSetupError` when that is not possible."""
        try:
            for name in (INCOMING, *Kind):
                (self.root / name).mkdir(parents=True, exist_ok=True, mode=0o700)
            probe = self.root / INCOMING / ".probe"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise StorageSetupError(
                f"the storage folder {self.root} cannot be written: {error.strerror}"
            ) from error

    def create(self, artifact_id: str) -> Incoming:
        """Open a new temporary file on the final volume."""
        path = self.root / INCOMING / artifact_id
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _MODE)
        return Incoming(path, fd)

    def publish(self, incoming: Incoming, location: str) -> None:
        """Sync the bytes, give them their final name, sync the folder; all or an `OSError`."""
        os.fsync(incoming.fd)
        final = self.root / location
        made = not final.parent.exists()
        final.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        incoming.path.rename(final)
        _sync_folder(final.parent)
        if made:
            _sync_folder(final.parent.parent)

    def open(self, location: str) -> tuple[int, int]:
        """Return a descriptor to read from, and the size; `FileNotFoundError` when it is gone."""
        fd = os.open(self.root / location, os.O_RDONLY | os.O_NOFOLLOW)
        return fd, os.fstat(fd).st_size

    def size(self, location: str) -> int | None:
        """Return the size of a stored file, None when it is gone."""
        with contextlib.suppress(OSError):
            return (self.root / location).stat(follow_symlinks=False).st_size
        return None

    def discard(self, location: str) -> None:
        """Delete a file; one that is gone already is no error."""
        (self.root / location).unlink(missing_ok=True)

    def forgotten_uploads(self, older_than: float) -> list[Path]:
        """Return temporary files that nobody has written to for `older_than` seconds."""
        return [path for path in _files(self.root / INCOMING) if _age(path) > older_than]

    def locations(self, older_than: float) -> Iterator[str]:
        """Yield the location of every stored file at least `older_than` seconds old."""
        for kind in Kind:
            for folder in sorted((self.root / kind).glob("*")):
                for path in _files(folder):
                    if _age(path) > older_than:
                        yield path.relative_to(self.root).as_posix()


def close_quietly(incoming: Incoming) -> None:
    """Drop a file that was not published: close it and delete it; never waits, never raises."""
    with contextlib.suppress(OSError):
        os.close(incoming.fd)
    with contextlib.suppress(OSError):
        incoming.path.unlink()


def _files(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return [path for path in folder.iterdir() if path.is_file()]
    return []


def _age(path: Path) -> float:
    with contextlib.suppress(OSError):
        return time.time() - path.stat().st_mtime
    return 0.0


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
