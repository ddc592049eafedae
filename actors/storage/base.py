"""What a storage of artifact bytes is; `FileStore` and `ObjectStore` are two.

All methods block, but for those that say otherwise: call them in a thread. Locations come from our
own rows, never from a client.

Atomic: under its location an artifact is whole and durable, or not there. `publish` is the moment.
Idempotent: deleting what is gone, preparing what is ready, dropping what is published or dropped
already are no errors. Locations are made of new ids, so nothing is ever written twice.
Who deletes: the request that stored a file and got no row for it; after a crash, the janitor, of
what is old, `held` by no request of this process, and known to no row. Nobody else, never.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from actors.domain.errors import OperatorError


class StorageSetupError(OperatorError):
    """The storage cannot be used; the text is a sentence for the operator."""


class Incoming(Protocol):
    """An artifact on its way in. One thread at a time."""

    def write(self, chunks: Sequence[bytes]) -> None:
        """Take the next bytes; returns when there is room for more, which bounds memory."""
        ...

    def publish(self) -> None:
        """Make everything durable under its location, all or nothing."""
        ...

    def drop(self) -> None:
        """Leave nothing behind, unless it is published. Never waits, never raises."""
        ...


class Reader(Protocol):
    """An artifact on its way out, or a range of it."""

    def read(self) -> bytes | memoryview:
        """Return the next piece, valid until the next call; empty at the end."""
        ...

    def close(self) -> None:
        """Let go of it. Never waits."""
        ...


class Storage(Protocol):
    """Where artifacts lie.

    Besides what each method names they raise `StorageFullError`, `StorageAwayError` (slow or not
    to be reached: nothing is known, try again), or another `OSError` for what is broken.
    """

    held: set[str]
    """Locations of running uploads and of files whose row is to come: not to be swept."""

    @property
    def where(self) -> str:
        """The place, for people. Does not block."""
        ...

    def prepare(self) -> None:
        """Make ready; `StorageSetupError` when an operator has to mend something."""
        ...

    def is_there(self) -> bool:
        """Whether the place is there, as far as can be told without asking far away."""
        ...

    def has_room(self, size: int) -> bool:
        """Whether so many bytes may be accepted now."""
        ...

    def create(self, location: str) -> Incoming:
        """Begin an artifact that is to lie at `location`."""
        ...

    def open(self, location: str) -> tuple[int, int]:
        """Return a descriptor to read anywhere in the artifact, and its size; for small ones.

        `FileNotFoundError` when it is gone. The caller closes it.
        """
        ...

    def reader(self, location: str, start: int, stop: int) -> Reader:
        """Begin to read the bytes from `start` up to `stop`.

        `FileNotFoundError` when it is gone, here or at the first piece.
        """
        ...

    def size(self, location: str) -> int | None:
        """Return the size of a stored artifact, None when it is gone."""
        ...

    def discard(self, location: str) -> None:
        """Delete a stored artifact."""
        ...

    def locations(self, older_than: float) -> Iterator[str]:
        """Yield the locations of artifacts at least `older_than` seconds old; each step blocks."""
        ...

    def sweep_incoming(self, older_than: float) -> int:
        """Delete what lost uploads left that nobody has written to for so long; how many."""
        ...
