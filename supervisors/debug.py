"""Debug functions of one live loop: log ring, trace, statistics, own ones; none costs nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, TypeAlias

import trio

LOG_SIZE = 10


class Happening(Enum):
    """What a loop tells its debug functions of."""

    IN = "in"
    OUT = "out"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class DebugEvent:
    """A message in, a reply out, or a message handled; `at` is on the trio clock."""

    at: float
    what: Happening
    value: object


Hook: TypeAlias = Callable[[Any, DebugEvent], object]
"""Takes its state and an event, returns its next state; one that raises is removed."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counted since switched on."""

    started_at: float
    now: float
    messages_in: int = 0
    messages_out: int = 0
    steps: int = 0


class Debug:
    """The debug functions now installed; kept only while there is one."""

    def __init__(self) -> None:
        self.log: deque[DebugEvent] | None = None
        self.trace: Callable[[str], None] | None = None
        self.counted: Statistics | None = None
        self.hooks: dict[Hashable, tuple[Hook, object]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing is switched on."""
        return not (self.log is not None or self.trace or self.counted or self.hooks)

    def options(self) -> tuple[str, ...]:
        """Name what is switched on."""
        on = {"log": self.log is not None, "trace": self.trace, "statistics": self.counted}
        return (*(name for name, value in on.items() if value), *map(str, self.hooks))

    def tell(self, what: Happening, value: object) -> None:
        """Pass something that happened to every debug function."""
        event = DebugEvent(trio.current_time(), what, value)
        if self.log is not None:
            self.log.append(event)
        if self.counted is not None:
            self.counted = _count(self.counted, what)
        if self.trace is not None:
            self._trace(event)
        for name, (hook, state) in tuple(self.hooks.items()):
            try:
                self.hooks[name] = hook, hook(state, event)
            except Exception:  # noqa: BLE001 - whoever debugs must not hurt the actor
                del self.hooks[name]

    def _trace(self, event: DebugEvent) -> None:
        try:
            if self.trace is not None:
                self.trace(f"{event.what.value} {event.value!r}")
        except Exception:  # noqa: BLE001 - as above
            self.trace = None


def _count(before: Statistics, what: Happening) -> Statistics:
    return replace(
        before,
        messages_in=before.messages_in + (what is Happening.IN),
        messages_out=before.messages_out + (what is Happening.OUT),
        steps=before.steps + (what is Happening.STATE),
    )
