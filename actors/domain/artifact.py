"""Artifacts: what is stored for a build, how large it may be, and where it lies."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MEBIBYTE = 1024 * 1024


class Kind(StrEnum):
    """What an artifact is."""

    SOURCE = "source"
    CERTS = "certs"
    RESULT = "result"


LIMITS: dict[Kind, int] = {
    Kind.SOURCE: 500 * MEBIBYTE,
    Kind.CERTS: 10 * MEBIBYTE,
    Kind.RESULT: 1024 * MEBIBYTE,
}
"""Largest accepted size in bytes; exactly the limit is allowed."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes that are safely in the storage, under `location` (relative, never from a client)."""

    id: str
    kind: Kind
    location: str
    size: int
    sha256: bytes


def location_of(kind: Kind, artifact_id: str) -> str:
    """Return where an artifact lies: spread over folders by the first characters of its id."""
    return f"{kind.value}/{artifact_id[:2].lower()}/{artifact_id}"
