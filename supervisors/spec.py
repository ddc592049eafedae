"""What a supervisor is told about a child, validated when it is made."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias, cast

from supervisors.backoff import Backoff
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


class AutoShutdown(Enum):
    """Whether a supervisor ends when significant children have ended by themselves."""

    NEVER = "never"
    ANY_SIGNIFICANT = "any_significant"
    ALL_SIGNIFICANT = "all_significant"


class Zombie(Enum):
    """What to do when a child has to be started whose former life does not even end by a kill."""

    WAIT = "wait"  # start it when the zombie has ended; meanwhile it is `restarting`
    GIVE_UP = "give_up"  # the supervisor ends, its parent decides
    START = "start"  # beside the zombie, which holds nothing that matters


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
    infinity for a supervisor, which must have time for its own children. An id is anything that
    can be compared; its text is the last part of the child's path. `below` only tells readers of
    the spec what a supervisor will start; `backoff` puts restarts off.
    """

    id: Hashable
    start: Body
    restart: Restart = Restart.PERMANENT
    shutdown: float | Stop | None = None
    kind: ChildKind = ChildKind.ACTOR
    significant: bool = False
    zombie: Zombie = Zombie.WAIT
    backoff: Backoff | None = None
    below: Flags | None = None

    def __post_init__(self) -> None:
        if not _is_id(self.id):
            raise SpecError("id", self.id, "must be hashable, and a text without '/'")
        if not callable(self.start):
            raise SpecError("start", self.start, "must be an async function of the process")
        if not isinstance(cast("object", self.restart), Restart):
            raise SpecError("restart", self.restart, "must be a Restart")
        if not isinstance(cast("object", self.kind), ChildKind):
            raise SpecError("kind", self.kind, "must be a ChildKind")
        if not _is_limit(self.shutdown):
            raise SpecError("shutdown", self.shutdown, "must be 0 or more seconds, or a Stop")
        if self.significant and self.restart is Restart.PERMANENT:
            raise SpecError("significant", self.significant, "a permanent child never stays away")

    @property
    def name(self) -> str:
        """The id as text."""
        return str(self.id)

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


def _is_id(value: Hashable) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return value is not None and bool(str(value)) and "/" not in str(value)


def check_child_specs(
    specs: Sequence[ChildSpec], auto_shutdown: AutoShutdown | None = None
) -> None:
    """Raise the `SpecError` that a start would; starts nothing.

    Without `auto_shutdown`, significance is not checked against it.
    """
    seen: set[Hashable] = set()
    for spec in specs:
        if spec.id in seen:
            raise SpecError("id", spec.id, "two children of one supervisor share it")
        seen.add(spec.id)
        check_significance(spec, auto_shutdown)


def check_significance(spec: ChildSpec, auto_shutdown: AutoShutdown | None) -> None:
    """Raise `SpecError` for a significant child that nobody heeds."""
    if spec.significant and auto_shutdown is AutoShutdown.NEVER:
        raise SpecError("significant", spec.significant, "the supervisor has auto_shutdown off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What a supervisor is made of; bad flags and specs raise `SpecError`."""

    children: Sequence[ChildSpec] = ()
    strategy: Strategy = Strategy.ONE_FOR_ONE
    budget: Budget = Budget()
    auto_shutdown: AutoShutdown = AutoShutdown.NEVER

    def __post_init__(self) -> None:
        if not isinstance(cast("object", self.strategy), Strategy):
            raise SpecError("strategy", self.strategy, "must be a Strategy")
        if not isinstance(cast("object", self.auto_shutdown), AutoShutdown):
            raise SpecError("auto_shutdown", self.auto_shutdown, "must be an AutoShutdown")
        check_child_specs(self.children, self.auto_shutdown)


class Ignore(Enum):
    """What an init callback returns to decline, without error."""

    IGNORE = "ignore"


IGNORE = Ignore.IGNORE
