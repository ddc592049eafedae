"""Many items through one function, a few at a time, in order or as they come."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import trio

from actors.kernel.tasks.job import Job
from actors.kernel.tasks.outcome import TIMEOUT, Exit, Outcome, TaskTimeoutError
from supervisors.process import Process

if TYPE_CHECKING:
    from types import TracebackType

    from actors.kernel.tasks.supervisor import TaskSupervisor

T = TypeVar("T")

STOP_SECONDS = 5.0
"""How long the end of a stream waits for tasks that do not stop."""


class OnTimeout(Enum):
    """What a task that takes too long does to its stream."""

    EXIT = "exit"  # the reader gets a TaskTimeoutError
    KILL_TASK = "kill_task"  # the reader gets Exit(TIMEOUT) in its place


@dataclass(frozen=True, slots=True, kw_only=True)
class Streaming:
    """How a stream runs: `timeout` is for each task, and counts while nobody reads, too."""

    max_concurrency: int = field(default_factory=lambda: os.cpu_count() or 1)
    ordered: bool = True
    timeout: float = 5.0
    on_timeout: OnTimeout = OnTimeout.EXIT

    def __post_init__(self) -> None:
        if self.max_concurrency < 1:
            raise ValueError("max_concurrency must be 1 or more")


class TaskStream(Generic[T]):
    """An async iterator over outcomes, to be entered first; made by the task supervisor.

    An item is taken from the input only when a slot is free, and a slot is free again when its
    outcome has been read: at most `max_concurrency` more items are taken than outcomes read.
    """

    def __init__(
        self,
        tasks: TaskSupervisor,
        function: Callable[[Any], Awaitable[T]],
        items: Iterable[Any],
        how: Streaming,
        linked_to: Process | None,
    ) -> None:
        self._tasks = tasks
        self._function = function
        self._items: Iterator[Any] = iter(items)
        self._how = how
        self._linked = linked_to is not None
        self._entered = False
        self._open: dict[Job[T], None] = {}  # in the order of the input
        self._done: dict[Job[T], None] = {}  # in the order of their ends
        self._news = trio.Event()

    async def __aenter__(self) -> TaskStream[T]:
        self._entered = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop what still runs, and see it gone."""
        self._entered = False
        jobs = tuple(self._open)
        self._open.clear()
        for job in jobs:
            job.unlink()
            job.abandon()
            if job.process is not None:
                job.process.shutdown()
        with trio.CancelScope(shield=True, deadline=trio.current_time() + STOP_SECONDS):
            for job in jobs:
                await job.done.wait()

    def __aiter__(self) -> TaskStream[T]:
        return self

    async def __anext__(self) -> Outcome[T]:
        """Fill the free slots, then wait for the next outcome."""
        if not self._entered:
            raise RuntimeError("enter the stream first: its end stops what is left")
        await self._fill()
        if not self._open:
            raise StopAsyncIteration
        job = await self._next()
        outcome = job.outcome or Exit(TIMEOUT)
        del self._open[job]
        self._done.pop(job, None)
        if outcome == Exit(TIMEOUT) and self._how.on_timeout is OnTimeout.EXIT:
            raise TaskTimeoutError(job.label, self._how.timeout)
        return outcome

    async def _fill(self) -> None:
        while len(self._open) < self._how.max_concurrency:
            try:
                item = next(self._items)
            except StopIteration:
                return
            job = self._tasks.job_of(self._function, (item,))
            job.linked = self._linked
            job.limit = self._how.timeout
            job.on_done = self._note
            await self._tasks.launch(job)
            job.deadline = min(job.deadline, trio.current_time() + job.limit)
            self._open[job] = None

    def _note(self, job: Job[T]) -> None:
        self._done[job] = None
        self._news.set()

    async def _next(self) -> Job[T]:
        """Wait for the job whose outcome is due; a deaf one is given up at its deadline."""
        while True:
            found = self._ready()
            if found is not None:
                await trio.lowlevel.checkpoint_if_cancelled()  # by the link, when it crashed
                return found
            self._news = trio.Event()
            first = next(iter(self._open))  # all have the same limit: no deadline is before its own
            with trio.move_on_at(first.deadline):
                await self._news.wait()
                continue
            await trio.lowlevel.checkpoint()  # it ends at the same moment, if it hears at all
            if first.outcome is None:
                first.unlink()
                return first

    def _ready(self) -> Job[T] | None:
        if not self._how.ordered:
            return next(iter(self._done), None)
        first = next(iter(self._open))
        return first if first in self._done else None
