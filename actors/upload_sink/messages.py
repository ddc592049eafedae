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
    """The next bytes of the body, a step of them."""

    chunks: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Commit(Call[UploadSink, Stored]):
    """The body ends with these bytes: make it durable under its location, say what it is."""

    chunks: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Abort(Cast[UploadSink]):
    """The body is not wanted: leave nothing behind."""


UploadSinkCall: TypeAlias = Commit
UploadSinkCast: TypeAlias = Write | Abort
