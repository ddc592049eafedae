"""Artifacts as objects of a bucket: S3 and what speaks like it, Google and Azure, by `obstore`.

An object appears under its key when its upload is complete, so nothing needs a second name. Small
bodies are one request; larger ones are streamed in parts by a thread that pulls them from the
sink, since only a whole `put` cleans up after itself: one that is cut off aborts its parts. After
a kill -9 they stay, invisible, until the bucket's own rule for incomplete uploads removes them.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import from_url

from actors.domain.artifact import MEBIBYTE, Kind
from actors.domain.errors import StorageAwayError, StorageFullError
from actors.domain.ids import new_id
from actors.storage.base import StorageSetupError
from actors.storage.parts import Parts

PART = 5 * MEBIBYTE
"""Size of a part: the least that S3 allows; what is smaller in all is one request."""
PIECE = 4 * MEBIBYTE
"""Bytes of one request for a range: each is short, so a slow reader breaks no connection."""
PROBE = "probe"
TIMEOUT = "30s"
RETRIES = 3
RETRY_SECONDS = 30

_FULL = ("status code: 507", "InsufficientStorage", "QuotaExceeded", "StorageFull", "no space left")
"""What stores say when they are full; they have no common word."""


class IncomingObject:
    """An object on its way up."""

    def __init__(self, store: obstore.store.ObjectStore, location: str) -> None:
        self._store = store
        self._location = location
        self._begun: list[bytes] = []
        self._size = 0
        self._parts: Parts | None = None

    def write(self, chunks: Sequence[bytes]) -> None:
        """Keep what fits into one request; above that, stream."""
        with _translated():
            if self._parts is not None:
                self._parts.give(b"".join(chunks))
                return
            self._begun += chunks
            self._size += sum(map(len, chunks))
            if self._size > PART:
                self._parts = Parts(self._put_parts)
                begun, self._begun = self._begun, []
                for chunk in begun:
                    self._parts.give(chunk)

    def publish(self) -> None:
        """Send the rest and complete the upload."""
        with _translated():
            if self._parts is not None:
                self._parts.finish()
            else:
                begun, self._begun = self._begun, []
                obstore.put(self._store, self._location, b"".join(begun), use_multipart=False)

    def drop(self) -> None:
        """Have the parts aborted, in the background."""
        self._begun = []
        if self._parts is not None:
            self._parts.drop()

    def _put_parts(self, parts: Iterator[bytes]) -> None:
        obstore.put(self._store, self._location, parts, chunk_size=PART, max_concurrency=1)


class ObjectReader:
    """A range of an object."""

    def __init__(
        self, store: obstore.store.ObjectStore, location: str, start: int, stop: int
    ) -> None:
        self._store = store
        self._location = location
        self._at = start
        self._stop = stop

    def read(self) -> memoryview:
        """Ask for the next piece."""
        end = min(self._at + PIECE, self._stop)
        if end <= self._at:
            return memoryview(b"")
        with _translated():
            got = memoryview(
                obstore.get_range(self._store, self._location, start=self._at, end=end)
            )
        self._at += len(got)
        return got

    def close(self) -> None:
        """Do nothing: no connection is held between two pieces."""


class ObjectStore:
    """All artifacts below the prefix of `url`; credentials come from the client's environment."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.held: set[str] = set()
        self._store = _connect(url)

    @property
    def where(self) -> str:
        """The address, which holds no secret."""
        return self._url

    def prepare(self) -> None:
        """Try to write; a store that cannot be reached now is asked again by whoever needs it."""
        probe = f"{PROBE}/{new_id()}"
        try:
            with _translated():
                obstore.put(self._store, probe, b"", use_multipart=False)
            self.discard(probe)
        except StorageAwayError as error:
            if isinstance(error.__cause__, PermissionDeniedError | UnauthenticatedError):
                raise StorageSetupError(
                    f"the object store {self._url} refuses the credentials in the environment"
                ) from error
        except OSError as error:
            raise StorageSetupError(f"the object store has no bucket for {self._url}") from error

    def is_there(self) -> bool:
        """Say yes: whether it answers is not asked."""
        return True

    def has_room(self, size: int) -> bool:
        """Say yes: nobody can tell."""
        del size
        return True

    def create(self, location: str) -> IncomingObject:
        """Begin an object."""
        return IncomingObject(self._store, location)

    def open(self, location: str) -> tuple[int, int]:
        """Fetch an object into a file without a name."""
        reader = self.reader(location, 0, self._head(location))
        with tempfile.TemporaryFile() as file:
            while piece := reader.read():
                file.write(piece)
            file.flush()
            return os.dup(file.fileno()), file.tell()

    def reader(self, location: str, start: int, stop: int) -> ObjectReader:
        """Read a range of an object."""
        return ObjectReader(self._store, location, start, stop)

    def size(self, location: str) -> int | None:
        """Return the size of an object, None when it is gone."""
        try:
            return self._head(location)
        except FileNotFoundError:
            return None

    def discard(self, location: str) -> None:
        """Delete an object."""
        with _translated():
            try:
                obstore.delete(self._store, location)
            except FileNotFoundError:
                return

    def locations(self, older_than: float) -> Iterator[str]:
        """Yield the location of every object that is old enough."""
        for kind in Kind:
            with _translated():
                for found in self._listed(kind.value):
                    if time.time() - found["last_modified"].timestamp() > older_than:
                        yield found["path"]

    def sweep_incoming(self, older_than: float) -> int:
        """Do nothing: what a killed process left is the bucket's own to remove."""
        del older_than
        return 0

    def _listed(self, prefix: str) -> Iterator[obstore.ObjectMeta]:
        client = cast("Any", obstore)  # `list` has a second form, of types of another library
        for batch in client.list(self._store, prefix, chunk_size=500):
            yield from batch

    def _head(self, location: str) -> int:
        with _translated():
            return obstore.head(self._store, location)["size"]


def _connect(url: str) -> obstore.store.ObjectStore:
    try:
        return from_url(
            url,
            client_options={"timeout": TIMEOUT, "connect_timeout": "5s", "allow_http": True},
            retry_config={
                "max_retries": RETRIES,
                "retry_timeout": timedelta(seconds=RETRY_SECONDS),
            },
        )
    except (BaseError, ValueError, OSError) as error:
        raise StorageSetupError(f"the object store {url} cannot be used: {_brief(error)}") from None


@contextmanager
def _translated() -> Generator[None]:
    """Turn what the client raises into errors of ours; a missing object is one already."""
    try:
        yield
    except PermissionError as error:
        raise StorageAwayError("the object store refuses our credentials") from error
    except BaseError as error:
        if any(word in str(error) for word in _FULL):
            raise StorageFullError("the object store is full") from error
        raise StorageAwayError("the object store does not answer as it should") from error


def _brief(error: Exception) -> str:
    return str(error).partition("\n")[0]
