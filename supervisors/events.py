"""What supervisors report, as facts; whoever runs the tree passes one function that takes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from supervisors.exits import ExitReason
from supervisors.spec import Restart


@dataclass(frozen=True, slots=True)
class Offender:
    """The child that a report is about, as its spec has it; `shutdown` is in seconds or a word."""

    id: str
    call: str
    restart: Restart
    significant: bool
    shutdown: float | str
    kind: str


@dataclass(frozen=True, slots=True)
class ChildStarted:
    """A start succeeded, the first (`generation` 1) or a repeated one."""

    path: str
    generation: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ChildStartFailed:
    """A start failed; `during_restart` tells whether it will be tried again."""

    path: str
    reason: ExitReason
    during_restart: bool
    child: Offender | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ChildTerminated:
    """A child ended by itself: any end of a permanent one, abnormal ends of the others."""

    path: str
    reason: ExitReason
    restart: Restart
    generation: int
    child: Offender | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ChildShutdownFailed:
    """A child told to stop ended otherwise, or had to be killed at its time limit."""

    path: str
    reason: ExitReason
    child: Offender | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class RestartBudgetSpent:
    """One restart too many: the supervisor at `path` stops its children and ends."""

    path: str
    offender: str
    intensity: int
    period: float
    child: Offender | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ZombieFound:
    """A killed child has not ended within the second limit: it never reaches a checkpoint."""

    path: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ChildrenShutdownFailed:
    """So many children of a dynamic supervisor ended with this reason when told to stop."""

    path: str
    reason: ExitReason
    children: int


@dataclass(frozen=True, slots=True)
class UnexpectedMessage:
    """A supervisor, or an actor without `handle_info`, got a message and skipped it."""

    path: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessCrashed:
    """A process that had started ended abnormally by its own doing.

    Texts are bounded; messages and state are for whoever debugs, and no part of a log line.
    """

    path: str
    generation: int
    reason: ExitReason
    initial_call: str
    label: str | None
    names: tuple[str, ...]
    ancestors: tuple[str, ...]
    links: tuple[str, ...]
    neighbours: tuple[str, ...]
    traps: bool
    queue: int
    messages: tuple[str, ...] = field(repr=False)
    last_message: str = field(repr=False)
    state: str = field(repr=False)
    flight: tuple[str, ...] = field(default=(), repr=False)


SupervisorEvent: TypeAlias = (
    ChildStarted
    | ChildrenShutdownFailed
    | UnexpectedMessage
    | ProcessCrashed
    | ChildStartFailed
    | ChildTerminated
    | ChildShutdownFailed
    | RestartBudgetSpent
    | ZombieFound
)
Report: TypeAlias = Callable[[SupervisorEvent], None]
