"""Artifacts as files of one folder: written under a temporary name, synced, then renamed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from actors.domain.artifact import MEBIBYTE, Kind
from actors.storage.base import StorageSetupError

INCOMING = "incoming"
PIECE = MEBIBYTE
"""Bytes read at once."""
_MODE = 0o600
_VECTORS = 512
"""Chunks written at once; systems allow 1024 and more."""


class IncomingFile:
    """A file that is being written, on the final volume; locked, so that no sweep takes it."""

    def __init__(self, root: Path, location: str, known: set[Path]) -> None:
        self._known = known
        self.path = root / INCOMING / PurePosixPath(location).name
        self._final = root / location
        self._fd = _create(self.path)

    def write(self, chunks: Sequence[bytes]) -> None:
        """Append the chunks."""
        left = [memoryview(chunk) for chunk in chunks if chunk]
        while left:
            written = os.writev(self._fd, left[:_VECTORS])
            while left and written >= len(left[0]):
                written -= len(left.pop(0))
            if written:
                left[0] = left[0][written:]

    def publish(self) -> None:
        """Sync the bytes, give them their final name, sync the folder.

        And once in a life that of the folder: another upload, or process, may just have made it.
        """
        os.fsync(self._fd)
        folder = self._final.parent
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path.rename(self._final)
        try:
            self._close()
            _sync_folder(folder)
            if folder not in self._known:
                _sync_folder(folder.parent)
                self._known.add(folder)
        except OSError:
            self._final.unlink(missing_ok=True)
            raise

    def drop(self) -> None:
        """Close the file and delete it, unless it is published."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                self._close()
            with contextlib.suppress(OSError):
                self.path.unlink()

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        os.close(fd)


class FileReader:
    """A range of a file, read into one buffer that is made once."""

    def __init__(self, fd: int, start: int, stop: int) -> None:
        self._fd = fd
        self._at = start
        self._stop = stop
        self._buffer = memoryview(bytearray(max(0, min(PIECE, stop - start))))

    def read(self) -> memoryview:
        """Return the next piece."""
        wanted = self._buffer[: self._stop - self._at]
        got = os.preadv(self._fd, [wanted], self._at) if wanted else 0
        self._at += got
        return wanted[:got]

    def close(self) -> None:
        """Close the file."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


class FileStore:
    """All artifacts below `root`; uploads are refused that would leave less than `reserve` free."""

    def __init__(self, root: Path, reserve: int = 0) -> None:
        self.root = root
        self.reserve = reserve
        self.held: set[str] = set()
        self._known: set[Path] = set()

    @property
    def where(self) -> str:
        """The folder."""
        return str(self.root)

    def prepare(self) -> None:
        """Make the folders."""
        try:
            for name in (INCOMING, *Kind):
                (self.root / name).mkdir(parents=True, exist_ok=True, mode=0o700)
            probe = self.root / INCOMING / ".probe"
            probe.write_bytes(b"")
            probe.unlink(missing_ok=True)  # another controller may probe the same folder
        except OSError as error:
            raise StorageSetupError(
                f"the storage folder {self.root} cannot be written: {error.strerror}"
            ) from error

    def is_there(self) -> bool:
        """Whether there is such a folder."""
        return self.root.is_dir()

    def has_room(self, size: int) -> bool:
        """Whether the reserve stays free; yes when that cannot be told."""
        try:
            found = os.statvfs(self.root)
        except OSError:
            return True
        return found.f_bavail * found.f_frsize - size >= self.reserve

    def create(self, location: str) -> IncomingFile:
        """Open a new temporary file."""
        return IncomingFile(self.root, location, self._known)

    def open(self, location: str) -> tuple[int, int]:
        """Open a stored file."""
        fd = os.open(self.root / location, os.O_RDONLY | os.O_NOFOLLOW)
        return fd, os.fstat(fd).st_size

    def reader(self, location: str, start: int, stop: int) -> FileReader:
        """Open a stored file to read a range of it."""
        fd, _ = self.open(location)
        return FileReader(fd, start, stop)

    def size(self, location: str) -> int | None:
        """Return the size of a stored file, None when it is gone."""
        with contextlib.suppress(OSError):
            return (self.root / location).stat(follow_symlinks=False).st_size
        return None

    def discard(self, location: str) -> None:
        """Delete a stored file."""
        (self.root / location).unlink(missing_ok=True)

    def locations(self, older_than: float) -> Iterator[str]:
        """Yield the location of every stored file that is old enough."""
        for kind in Kind:
            for folder in sorted((self.root / kind).glob("*")):
                for path in _files(folder):
                    if _age(path) > older_than:
                        yield path.relative_to(self.root).as_posix()

    def sweep_incoming(self, older_than: float) -> int:
        """Delete temporary files that no living process of this machine writes.

        Where that cannot be told, those that are old enough.
        """
        return sum(_swept(path, older_than) for path in _files(self.root / INCOMING))

    def forgotten_uploads(self, older_than: float) -> list[Path]:
        """Return temporary files that nobody has written to for so long."""
        return [path for path in _files(self.root / INCOMING) if _age(path) > older_than]


def _create(path: Path) -> int:
    """Make a new file and lock it; whoever sweeps may lock it for a moment, and delete it."""
    while True:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _MODE)
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink:
            return fd
        os.close(fd)


def _swept(path: Path, older_than: float) -> bool:
    """Delete a forgotten file; one that cannot be deleted stays for the next sweep."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            if not _is_forgotten(path, fd, older_than):
                return False
            path.unlink()
        finally:
            os.close(fd)
    except OSError:
        return False
    return True


def _is_forgotten(path: Path, fd: int, older_than: float) -> bool:
    """Whether nobody holds the lock, which is ours then until the file is closed."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no locks here
        return _age(path) > older_than
    return True


def _files(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return [path for path in folder.iterdir() if path.is_file()]
    return []


def _age(path: Path) -> float:
    with contextlib.suppress(OSError):
        return time.time() - path.stat(follow_symlinks=False).st_mtime
    return 0.0


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
