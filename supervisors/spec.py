"""What a supervisor is told about a child, validated when it is made."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias, cast

from supervisors.errors import SpecError
from supervisors.exits import ExitReason

if TYPE_CHECKING:
    from supervisors.process import Process

Body: TypeAlias = "Callable[[Process], Awaitable[ExitReason | None]]"
"""What a child runs: calls `process.started()` when ready, returns its exit (None is normal)."""


class Restart(Enum):
    """When an ended child is started again."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    TEMPORARY = "temporary"


class Strategy(Enum):
    """Which children are replaced when one has to be."""

    ONE_FOR_ONE = "one_for_one"
    REST_FOR_ONE = "rest_for_one"
    ONE_FOR_ALL = "one_for_all"


class ChildKind(Enum):
    """What a child is declared to be; decides its default shutdown time."""

    ACTOR = "actor"
    SUPERVISOR = "supervisor"


class Stop(Enum):
    """The stop that is no time limit."""

    BRUTAL_KILL = "brutal_kill"


BRUTAL_KILL = Stop.BRUTAL_KILL
INFINITY = math.inf
ACTOR_SHUTDOWN_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """At most `intensity` restarts in any `period` seconds; one more and the supervisor gives up.

    A stamp exactly one period old still counts.
    """

    intensity: int = 1
    period: float = 5.0

    def __post_init__(self) -> None:
        if not _is_whole(self.intensity) or self.intensity < 0:
            raise SpecError("intensity", self.intensity, "must be a whole number of 0 or more")
        if not 0 < self.period < math.inf:
            raise SpecError("period", self.period, "must be a positive, finite number of seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """How one child is started, restarted and stopped.

    `shutdown` is in seconds, `INFINITY` or `BRUTAL_KILL`; left out it is 5 s for an actor and
    infinity for a supervisor, which must have time for its own children.
    """

    id: str
    start: Body
    restart: Restart = Restart.PERMANENT
    shutdown: float | Stop | None = None
    kind: ChildKind = ChildKind.ACTOR

    def __post_init__(self) -> None:
        if not isinstance(cast("object", self.id), str) or not self.id or "/" in self.id:
            raise SpecError("id", self.id, "must be a non-empty name without '/'")
        if not callable(self.start):
            raise SpecError("start", self.start, "must be an async function of the process")
        if not isinstance(cast("object", self.restart), Restart):
            raise SpecError("restart", self.restart, "must be a Restart")
        if not isinstance(cast("object", self.kind), ChildKind):
            raise SpecError("kind", self.kind, "must be a ChildKind")
        if not _is_limit(self.shutdown):
            raise SpecError("shutdown", self.shutdown, "must be 0 or more seconds, or a Stop")

    @property
    def stop_limit(self) -> float | Stop:
        """The normalised `shutdown`."""
        if self.shutdown is not None:
            return self.shutdown
        return INFINITY if self.kind is ChildKind.SUPERVISOR else ACTOR_SHUTDOWN_SECONDS


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_limit(value: object) -> bool:
    if value is None or isinstance(value, Stop):
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def check_child_specs(specs: list[ChildSpec]) -> None:
    """Raise `SpecError` if two children of one supervisor share an id; starts nothing."""
    seen: set[str] = set()
    for spec in specs:
        if spec.id in seen:
            raise SpecError("id", spec.id, "two children of one supervisor share it")
        seen.add(spec.id)
