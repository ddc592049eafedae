"""The task supervisor: starts tasks as its children and hands them to whoever asked."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable
from itertools import count
from typing import Any, TypeVar, TypeVarTuple

from actors.kernel.own import current_process, find_current_process
from actors.kernel.tasks.job import Job, name_of
from actors.kernel.tasks.stream import Streaming, TaskStream
from actors.kernel.tasks.task import Task
from supervisors.dynamic import Door, dynamic_supervisor
from supervisors.errors import NoProcError
from supervisors.exits import ExitReason
from supervisors.process import Process
from supervisors.spec import Budget, ChildSpec, Restart, Stop

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741 - an item
Ts = TypeVarTuple("Ts")

Function = Callable[..., Awaitable[T]]


class TaskSupervisor:
    """Starts async functions as supervised children, temporary ones: a crash is reported, no more.

    Made before the tree, like a `Ref`; `spec` is its place there. `report` takes `TaskCrashed`.
    Every start raises `MaxChildrenError` when it is full and `NoProcError` while it is down.
    """

    def __init__(
        self,
        report: Callable[[object], object] | None = None,
        *,
        max_children: float = math.inf,
        shutdown: float | Stop = 5.0,
    ) -> None:
        self.door = Door()
        self._report = report
        self._max_children = max_children
        self._shutdown = shutdown
        self._numbers = count(1)

    def spec(self, child_id: str = "tasks", *, budget: Budget | None = None) -> ChildSpec:
        """Child spec of the supervisor; the budget counts only for tasks that are restarted."""
        flags = budget or Budget(intensity=3, period=5.0)
        return dynamic_supervisor(
            child_id, door=self.door, budget=flags, max_children=self._max_children
        )

    async def async_(
        self, function: Callable[[*Ts], Awaitable[T]], *arguments: *Ts, label: str = ""
    ) -> Task[T]:
        """Start a task that the calling process will await, and link the two.

        When the task crashes so does the caller, unless it traps exits; and the other way round.
        Not for request handlers: the process there is the whole endpoint.
        """
        job = self._job(function, arguments, label, current_process())
        job.linked = True
        return await self.launch(job)

    async def async_nolink(
        self, function: Callable[[*Ts], Awaitable[T]], *arguments: *Ts, label: str = ""
    ) -> Task[T]:
        """Start a task to await whose end, whatever it is, leaves the caller alone."""
        return await self.launch(self._job(function, arguments, label, find_current_process()))

    async def start_child(
        self,
        function: Callable[[*Ts], Awaitable[object]],
        *arguments: *Ts,
        restart: Restart = Restart.TEMPORARY,
        shutdown: float | Stop | None = None,
        label: str = "",
    ) -> Process:
        """Start work that nobody waits for, and that outlives the caller."""
        first = self._job(function, arguments, label, find_current_process())

        async def body(process: Process) -> ExitReason | None:
            again = Job(function, arguments, first.label, first.owner)
            again.callers = first.callers
            again.report = self._report
            again.detached = True
            again.begin()
            return await again.run(process)

        limit = self._shutdown if shutdown is None else shutdown
        return await self._start(first, body, restart, limit)

    def async_stream(
        self,
        function: Callable[[I], Awaitable[T]],
        items: Iterable[I],
        how: Streaming | None = None,
    ) -> TaskStream[T]:
        """Run `function` for each item, so many at once; linked to the calling process.

        Use as `async with ... as outcomes: async for outcome in outcomes`; what still runs at
        the end of the block is stopped. An outcome is `Ok` or `Exit`.
        """
        return TaskStream(self, function, items, how or Streaming(), current_process())

    def async_stream_nolink(
        self,
        function: Callable[[I], Awaitable[T]],
        items: Iterable[I],
        how: Streaming | None = None,
    ) -> TaskStream[T]:
        """As `async_stream`, but a crash is an `Exit` among the outcomes, and nothing else."""
        return TaskStream(self, function, items, how or Streaming(), None)

    async def launch(self, job: Job[T]) -> Task[T]:
        """Start a job whose outcome is wanted; when the caller is cut off, it ends unworked."""
        try:
            process = await self._start(job, job.run, Restart.TEMPORARY, self._shutdown)
        except BaseException:
            job.abandon()
            raise
        job.begin()
        return Task(job, process)

    def job_of(self, function: Function[T], arguments: tuple[Any, ...]) -> Job[T]:
        """Make a job of the calling process, for a stream."""
        return self._job(function, arguments, "", find_current_process())

    def _job(
        self, function: Function[T], arguments: tuple[Any, ...], label: str, owner: Process | None
    ) -> Job[T]:
        job = Job(function, arguments, label or name_of(function), owner)
        job.report = self._report
        return job

    async def _start(
        self,
        job: Job[Any],
        body: Callable[[Process], Awaitable[ExitReason | None]],
        restart: Restart,
        shutdown: float | Stop,
    ) -> Process:
        child_id = f"{job.label.replace('/', '|')}-{next(self._numbers)}"
        spec = ChildSpec(id=child_id, start=body, restart=restart, shutdown=shutdown)
        process = await self.door.start_child(spec)
        if process is None:  # a job never declines
            raise NoProcError(f"{job.label} was not started")
        return process
