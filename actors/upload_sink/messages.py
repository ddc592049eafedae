"""What an UploadSink is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from actors.domain.artifact import Stored
from actors.kernel.messages import Call, Cast


class UploadSink:
    """Marks the protocol of the actor."""


@dataclass(frozen=True, slots=True)
class Write(Cast[UploadSink]):
    """The next bytes of the body."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Commit(Call[UploadSink, Stored]):
    """The body is complete: sync it, give it its final name, say what it is."""


@dataclass(frozen=True, slots=True)
class Abort(Cast[UploadSink]):
    """The body is not wanted: leave nothing behind."""


UploadSinkCall: TypeAlias = Commit
UploadSinkCast: TypeAlias = Write | Abort
