"""Words of a route's description: what it takes besides a body, and answers that are no JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Media:
    """An answer that is no JSON: text, or the bytes of a file."""

    type: str

    @property
    def is_text(self) -> bool:
        """Whether people can read it."""
        return self.type.startswith("text/")


@dataclass(frozen=True, slots=True)
class Taken:
    """A query parameter or a header that a route looks at."""

    name: str
    does: str
    place: Literal["query", "header"] = "query"
    kind: type = str
    needed: bool = False


LEASE = Taken("X-Lease", "The `lease` of the job: fences against an earlier attempt.", "header")
WORKER = Taken("X-Worker-Id", "Who reports; without it, whoever holds the build.", "header")
ONCE = Taken("Idempotency-Key", "Makes a repetition the same build.", "header")
TEXT = Media("text/plain")
BYTES = Media("application/octet-stream")
ZIP = Media("application/zip")
RANGE = Taken("Range", "`bytes=FIRST-LAST`: a part of the file, with 206.", "header")
