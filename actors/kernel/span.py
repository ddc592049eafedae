"""What a measured piece of work emits: its start, and its stop or its exception."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import trio


class Span:
    """A piece of work under way; put into `metadata` what is known only at its end."""

    def __init__(self, name: str, metadata: dict[str, object]) -> None:
        self.name = name
        self.context = object()
        """Same in every event of this span, and in no other's."""
        self.metadata = metadata


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """What the events of a span share."""

    phase: ClassVar[str]

    span: str
    context: object
    metadata: dict[str, object] = field(hash=False)


@dataclass(frozen=True, slots=True)
class SpanStarted(SpanEvent):
    """The work has begun, `at` on the clock that measures it."""

    name: ClassVar[str] = "span.started"
    phase: ClassVar[str] = "start"

    at: float


@dataclass(frozen=True, slots=True)
class SpanStopped(SpanEvent):
    """The work was done in `seconds`."""

    name: ClassVar[str] = "span.stopped"
    phase: ClassVar[str] = "stop"

    seconds: float


@dataclass(frozen=True, slots=True)
class SpanFailed(SpanEvent):
    """The work raised `reason`, whose traceback is the stack; `kind` is that of `kind_of`."""

    name: ClassVar[str] = "span.failed"
    phase: ClassVar[str] = "exception"

    seconds: float
    kind: str
    reason: BaseException


def kind_of(error: BaseException) -> str:
    """Tell an `error` from being `cancelled` and from the `exit` of the program."""
    if isinstance(error, trio.Cancelled):
        return "cancelled"
    return "error" if isinstance(error, Exception) else "exit"
