"""What a task does: one function with its arguments, and the place of its outcome."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

import trio

from actors.kernel.tasks.outcome import TIMEOUT, Exit, Ok, Outcome, TaskCrashed
from supervisors.exits import NORMAL, Crash, ExitReason, Shutdown
from supervisors.process import Process

T = TypeVar("T")

_CALLERS: ContextVar[tuple[Process, ...]] = ContextVar("callers", default=())
_ARGUMENTS = 10
_brief = reprlib.Repr()
_brief.maxstring = _brief.maxother = 80


def callers() -> tuple[Process, ...]:
    """Return who asked for the running task, who asked for that one, and so on.

    Not its ancestors: those are the supervisors above it.
    """
    return _CALLERS.get()


class Job(Generic[T]):
    """One run of a function in a process of its own; the handle of that process."""

    def __init__(
        self,
        function: Callable[..., Awaitable[T]],
        arguments: tuple[Any, ...],
        label: str,
        owner: Process | None,
    ) -> None:
        self.function = function
        self.arguments = arguments
        self.label = label
        self.owner = owner
        self.callers = (*((owner,) if owner else ()), *callers())
        self.linked = False
        self.detached = False
        """Whether the work is done although its owner may be gone."""
        self.limit = math.inf
        self.deadline = math.inf
        self.report: Callable[[object], object] | None = None
        self.on_done: Callable[[Job[T]], object] | None = None
        self.process: Process | None = None
        self.outcome: Outcome[T] | None = None
        self.done = trio.Event()
        self._begun = trio.Event()
        self._abandoned = False

    def begin(self) -> None:
        """Let the work start."""
        self._begun.set()

    def abandon(self) -> None:
        """Let the process end without having worked: nobody is left who wants the outcome."""
        self._abandoned = True
        self._begun.set()

    def describe(self) -> Mapping[str, object]:
        """Small facts for the picture of the tree."""
        asked = " < ".join(process.path or "root" for process in self.callers)
        return {"task": self.label, "callers": asked or "nobody"}

    async def run(self, process: Process) -> ExitReason | None:
        """Be the body of a supervised process."""
        self.process = process
        process.on_exit(self._conclude)
        process.started(self)
        await self._begun.wait()
        if self._abandoned or not self._link(process):
            return Shutdown("nobody waits for it")
        _CALLERS.set(self.callers)
        self.deadline = trio.current_time() + self.limit
        with trio.move_on_at(self.deadline):
            self.outcome = Ok(await self.function(*self.arguments))
            return None
        self.outcome = Exit(TIMEOUT)
        self.unlink()
        return TIMEOUT

    def unlink(self) -> None:
        """Untie the lives of owner and task."""
        if self.linked and self.owner and self.process:
            self.owner.unlink(self.process)
        self.linked = False

    def _link(self, process: Process) -> bool:
        """Tie the lives together if that is wanted; False when the owner is gone."""
        if self.owner is None or self.detached:
            return True
        if not self.owner.is_alive:
            return False
        if self.linked:
            self.owner.link(process)
        return True

    def _conclude(self, process: Process) -> None:
        reason = process.exit or NORMAL
        if self.outcome is None:
            self.outcome = Exit(reason)
        if isinstance(reason, Crash) and self.report is not None:
            self.report(self._crashed(process, reason))
        self.done.set()
        if self.on_done is not None:
            self.on_done(self)

    def _crashed(self, process: Process, reason: ExitReason) -> TaskCrashed:
        return TaskCrashed(
            path=process.path,
            starter=(self.owner.path or "root") if self.owner else None,
            function=name_of(self.function),
            arguments=tuple(_brief.repr(each) for each in self.arguments[:_ARGUMENTS]),
            label=self.label,
            reason=reason,
        )


def name_of(function: Callable[..., object]) -> str:
    """Return the full name of a function, or the type of whatever else can be called."""
    inner = getattr(function, "func", function)
    return str(getattr(inner, "__qualname__", type(inner).__name__))
