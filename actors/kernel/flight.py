"""The flight recorder of an actor: its last messages by kind, with durations, over all its lives.

A ring of fixed size, written without allocating; made with the first message. Kinds only: it holds
no message, and so no secret. It is in the report of a crash.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from actors.kernel.living import Peer, process_of
from supervisors.process import Process

FLIGHT_SIZE = 16
_RUNS = -1.0


@dataclass(frozen=True, slots=True)
class Flown:
    """One message: in which life, how many seconds ago it began, how long it took.

    `seconds` is None for the one in hand, or that the actor did not survive.
    """

    generation: int
    kind: str
    ago: float
    seconds: float | None

    def __str__(self) -> str:
        took = "not ended" if self.seconds is None else f"{self.seconds * 1000:.3f} ms"
        return f"#{self.generation} {self.kind}: {took}, {self.ago:.3f} s ago"


class Flight:
    """The ring of one child; it goes from life to life."""

    __slots__ = ("_at", "_began", "_kinds", "_lives", "_size", "_took", "generation")

    def __init__(self, size: int) -> None:
        self.generation = 1
        self._size = size
        self._at = -1
        self._kinds: list[type[object] | None] = [None] * size
        self._began = [0.0] * size
        self._took = [_RUNS] * size
        self._lives = [0] * size

    def begin(self, kind: type[object], now: float) -> None:
        """Note that a message is taken in hand; `now` is on `time.perf_counter`."""
        at = self._at = (self._at + 1) % self._size
        self._kinds[at] = kind
        self._began[at] = now
        self._took[at] = _RUNS
        self._lives[at] = self.generation

    def end(self, seconds: float) -> None:
        """Note how long it took."""
        self._took[self._at] = seconds

    def flown(self) -> tuple[Flown, ...]:
        """Return what is kept, oldest first."""
        now = time.perf_counter()
        found: list[Flown] = []
        for step in range(1, self._size + 1):
            at = (self._at + step) % self._size
            kind, took = self._kinds[at], self._took[at]
            if kind is not None:
                seconds = None if took == _RUNS else took
                found.append(Flown(self._lives[at], kind.__name__, now - self._began[at], seconds))
        return tuple(found)


def carried_on(process: Process, size: int) -> Flight:
    """Return the recorder of the former life, now for this one; a new one if there is none."""
    flight = process.keepsake
    if not isinstance(flight, Flight):
        flight = process.keepsake = Flight(size)
    flight.generation = process.generation
    return flight


def flight_of(peer: Peer) -> tuple[Flown, ...]:
    """Return the latest messages of a child, of its former lives too; none of who has no ring."""
    process = process_of(peer)
    flight = process.keepsake if process is not None else None
    return flight.flown() if isinstance(flight, Flight) else ()
