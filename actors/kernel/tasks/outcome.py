"""How a task came out, and what can go wrong with waiting for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Generic, TypeAlias, TypeVar

from supervisors.exits import Crash, ExitReason, Shutdown

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Ok(Generic[T_co]):
    """The task returned `value`."""

    value: T_co


@dataclass(frozen=True, slots=True)
class Exit:
    """The task ended without a value."""

    reason: ExitReason


Outcome: TypeAlias = Ok[T] | Exit

TIMEOUT: Final = Shutdown("timeout")
"""Reason of a task that was stopped since it took too long."""


class TaskError(Exception):
    """Base of what is raised about a task."""


class TaskExitError(TaskError):
    """The awaited task ended without a value; `reason` is its exit."""

    def __init__(self, task: str, reason: ExitReason) -> None:
        super().__init__(f"task {task} ended ({reason})")
        self.reason = reason
        self.__cause__ = reason.exception if isinstance(reason, Crash) else None


class TaskTimeoutError(TaskError):
    """The task is not done in time; unless it was stopped it goes on."""

    def __init__(self, task: str, seconds: float) -> None:
        super().__init__(f"task {task} is not done after {seconds:g} s")


class NotTaskOwnerError(TaskError):
    """Only the process that started a task may wait for it."""


class AlreadyAwaitedError(TaskError):
    """The outcome of a task is given once."""


@dataclass(frozen=True, slots=True)
class TaskCrashed:
    """A task raised: who asked for it, what it was to do, and how it ended."""

    name: ClassVar[str] = "task.crashed"

    path: str
    starter: str | None
    function: str
    arguments: tuple[str, ...]
    label: str
    reason: ExitReason
