"""Restarts that wait, each longer than the one before; the supervisor meanwhile serves others.

Not in OTP, and off by default. The child is `restarting` while it waits; each try still costs a
unit of the budget when it is made, so a budget can end what backoff only slows.
"""

from __future__ import annotations

from dataclasses import dataclass

import trio

from supervisors.errors import SpecError


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Wait `first` seconds, then twice as long each time, at most `longest`.

    A life that lasted longer than `longest` begins anew with `first`.
    """

    first: float
    longest: float

    def __post_init__(self) -> None:
        if not 0 < self.first <= self.longest < float("inf"):
            raise SpecError("backoff", self, "needs 0 < first <= longest, finite")


class Patience:
    """How long one child waits now; only its supervisor uses it."""

    __slots__ = ("_backoff", "_next")

    def __init__(self, backoff: Backoff) -> None:
        self._backoff = backoff
        self._next = backoff.first

    def wait_after(self, started_at: float | None) -> float:
        """Return the seconds to wait after a life that began then; None: its start failed."""
        longest = self._backoff.longest
        if started_at is not None and trio.current_time() - started_at > longest:
            self._next = self._backoff.first
        seconds, self._next = self._next, min(2 * self._next, longest)
        return seconds
