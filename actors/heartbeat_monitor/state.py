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


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is known of a build in a worker's hands; times are seconds on any one clock.

    `working` tells that a sign of the build itself has been heard, not only of its worker.
    """

    granted_at: float
    last_sign_at: float | None
    working: bool


def is_lost(build: Held, now: float, rules: Rules, listening: float) -> bool:
    """Judge one build at `now`, having listened for `listening` seconds without a gap.

    The same judgement as the statement `lose` makes, which decides; a test holds them together.
    """
    heard_at = build.granted_at if build.last_sign_at is None else build.last_sign_at
    could_have_heard = listening >= rules.silent
    silent = now - heard_at > rules.silent
    late_to_begin = now - build.granted_at > rules.first_sign
    return could_have_heard and silent and (build.working or late_to_begin)
