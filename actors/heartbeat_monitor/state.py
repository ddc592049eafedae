"""When silence proves something: how long this controller has listened without a gap; pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When a build counts as lost; all in seconds but `max_attempts`.

    `silent` is allowed between signs of life, `first_sign` between the assignment and the first
    sign of a build at work (slow image pulls), `sweep` lies between two looks.
    """

    silent: float = 120.0
    first_sign: float = 600.0
    max_attempts: int = 3
    sweep: float = 10.0


@dataclass(slots=True)
class Listening:
    """Since when signs of life could reach us; times are monotonic seconds."""

    since: float
    last_look: float

    def look(self, now: float, sweep: float) -> float:
        """Note a look at `now`; returns for how long we have listened without a gap.

        A look that comes a whole sweep late means that we were absent ourselves (a suspended
        machine, a stalled loop), and nobody is punished for that: listening begins anew.
        """
        if now - self.last_look > 2 * sweep:
            self.since = now
        self.last_look = now
        return now - self.since

    def interrupted(self, now: float) -> None:
        """Note that signs may have been lost until `now`: the database was away."""
        self.since = now
