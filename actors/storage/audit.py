"""Stored files held against what the rows say about them; reads everything, changes nothing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator
from typing import Protocol

DAY = 86_400.0
"""A file without a row is a stray when it is older: the janitor has had a day to take it."""


class Claim(Protocol):
    """What must lie at a location."""

    @property
    def location(self) -> str:
        """Where, as the row has it."""
        ...

    @property
    def size(self) -> int:
        """In bytes."""
        ...

    @property
    def sha256(self) -> bytes:
        """Digest of the bytes."""
        ...


class Shelf(Protocol):
    """What is needed of a storage."""

    def open(self, location: str) -> tuple[int, int]:
        """Return a descriptor to read from, and the size."""
        ...

    def locations(self, older_than: float) -> Iterator[str]:
        """Yield what is stored for at least so many seconds."""
        ...


def damaged(shelf: Shelf, claims: Collection[Claim]) -> Iterator[str]:
    """Yield in words what is missing or not what it should be; blocks."""
    for claim in claims:
        try:
            fd, size = shelf.open(claim.location)
            with os.fdopen(fd, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").digest()
        except OSError as error:
            yield f"{claim.location} cannot be read: {error.strerror or error}"
            continue
        if size != claim.size:
            yield f"{claim.location} has {size} bytes in place of {claim.size}"
        elif digest != claim.sha256:
            yield f"{claim.location} has {size} bytes, but not the ones that were stored"


def strays(shelf: Shelf, claims: Collection[Claim]) -> Iterator[str]:
    """Yield in words the files older than a day that no row names; blocks."""
    owned = {claim.location for claim in claims}
    for location in shelf.locations(DAY):
        if location not in owned:
            yield f"{location} belongs to no build"
