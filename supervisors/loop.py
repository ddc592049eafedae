"""What every supervisor is: one loop that serves ends, stop and requests in order of arrival.

Nothing else touches the children: `start_child` and its like put a request into the same inbox
and wait for the answer, so two of them never overlap, and a slow `init` delays them all.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar, cast

import trio

from supervisors.budget import Window
from supervisors.errors import NoProcError, StartError, SupervisorError
from supervisors.events import (
    ChildShutdownFailed,
    ChildStarted,
    ChildStartFailed,
    RestartBudgetSpent,
    SupervisorEvent,
    ZombieFound,
)
from supervisors.exits import KILLED, SHUTDOWN, ExitReason, is_clean
from supervisors.process import Process
from supervisors.slot import Restarted, Slot
from supervisors.spec import BRUTAL_KILL, Budget, Restart, Stop, Strategy

T = TypeVar("T")

ZOMBIE_SECONDS = 5.0
"""How long a killed child may take to end before it is called a zombie."""


@dataclass(frozen=True, slots=True, eq=False)
class Ended:
    """The process in `slot` has ended."""

    slot: Slot
    process: Process


@dataclass(frozen=True, slots=True, eq=False)
class Retry:
    """A start failed during a restart: try again, after whatever arrived before."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class StopAsked:
    """The parent wants the supervisor to end with `reason`."""

    reason: ExitReason


@dataclass(slots=True, eq=False)
class Request(Generic[T]):
    """An administrative request and the place of its answer."""

    operation: Callable[[], Awaitable[T]]
    done: trio.Event
    answer: T | None = None
    error: SupervisorError | None = None

    async def carry_out(self) -> None:
        """Run the operation; refusals go to whoever asked, anything else is our crash."""
        try:
            self.answer = await self.operation()
        except SupervisorError as refusal:
            self.error = refusal
        except BaseException:
            self.error = NoProcError("the supervisor ended during the request")
            raise
        finally:
            self.done.set()


Note: TypeAlias = Ended | Retry | StopAsked | Request[object]


class SupervisorLoop(ABC):
    """Common part of the static and the dynamic supervisor; `run` is the body of its process."""

    strategy: Strategy

    def __init__(self, budget: Budget) -> None:
        self.window = Window(budget)
        self.process: Process | None = None
        self._send, self._receive = trio.open_memory_channel[Note](math.inf)
        self._nursery: trio.Nursery | None = None
        self._living: dict[Process, None] = {}  # every child task, starting and stopping ones too
        self._starting: Process | None = None
        self.stop_asked = False

    # -- the kinds of supervisor differ here ----------------------------------------------------

    @abstractmethod
    def slots(self) -> list[Slot]:
        """Return the children in start order."""

    @abstractmethod
    async def boot(self) -> ExitReason | None:
        """Start the initial children; a reason means that it failed and was rolled back."""

    @abstractmethod
    async def child_ended(self, slot: Slot, reason: ExitReason) -> bool:
        """Apply the restart rules; False when the supervisor has to give up."""

    @abstractmethod
    async def retry(self, slot: Slot) -> bool:
        """Try a failed restart again; False when the supervisor has to give up."""

    @abstractmethod
    async def stop_children(self) -> None:
        """Stop every child by its shutdown rule."""

    # -- life -----------------------------------------------------------------------------------

    async def run(self, process: Process) -> ExitReason:
        """Boot, serve until told to stop or out of budget, stop the children.

        Killed, it kills its children and waits for them (a nursery does not let go).
        """
        self.process = process
        process.on_shutdown(self._ask_to_stop)
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                try:
                    failure = await self.boot()
                    if failure is not None:
                        return failure
                    process.started(self)
                    return await self._serve()
                finally:
                    self._kill_children()
        finally:
            self._refuse_rest()

    def _ask_to_stop(self, reason: ExitReason) -> None:
        """Queue the stop; during the boot nobody waits for the init that is under way."""
        self.stop_asked = True
        self.post(StopAsked(reason))
        if self._starting is not None and self.process and self.process.started_at is None:
            self._starting.shutdown(reason)

    async def _serve(self) -> ExitReason:
        while True:
            match await self._receive.receive():
                case Ended(slot=slot, process=process):
                    if slot.process is process and not await self._ended(slot, process):
                        return SHUTDOWN
                case Retry(slot=slot):
                    if slot.restarting and not await self.retry(slot):
                        return SHUTDOWN
                case StopAsked(reason=reason):
                    await self.stop_children()
                    return reason
                case Request() as request:
                    await request.carry_out()

    async def _ended(self, slot: Slot, process: Process) -> bool:
        slot.process = None
        slot.last_exit = process.exit
        if process.fatal is not None:
            return True  # nobody's crash: the root is about to stop the whole tree
        return await self.child_ended(slot, await process.join())

    def _kill_children(self) -> None:
        for process in reversed(tuple(self._living)):
            process.kill()

    def _refuse_rest(self) -> None:
        """Answer those who still wait: the supervisor is gone."""
        self._send.close()
        while True:
            try:
                note = self._receive.receive_nowait()
            except (trio.WouldBlock, trio.EndOfChannel):
                self._receive.close()
                return
            if isinstance(note, Request):
                note.error = NoProcError("the supervisor has ended")
                note.done.set()

    # -- requests -------------------------------------------------------------------------------

    def post(self, note: Note) -> None:
        """Put a note into the inbox; dropped when the supervisor has ended."""
        try:
            self._send.send_nowait(note)
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            if isinstance(note, Request):
                raise NoProcError("the supervisor has ended") from None

    async def request(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Have `operation` run by the supervisor, between two other notes.

        Raises what the operation refuses with; `NoProcError` when the supervisor is gone.
        """
        if self._waits_for(trio.lowlevel.current_task()):
            raise SupervisorError("the supervisor waits for this very task: both would for ever")
        request = Request(operation, trio.Event())
        self.post(cast("Request[object]", request))
        await request.done.wait()
        if request.error is not None:
            raise request.error
        return cast("T", request.answer)

    def _waits_for(self, asking: trio.lowlevel.Task | None) -> bool:
        """Whether `asking` is the supervisor itself or part of an init it waits for (P-19)."""
        own = self.process.task if self.process else None
        if asking is own:
            return True
        start = self._starting.task if self._starting else None
        while asking is not None and asking is not own:
            if asking is start:
                return True
            asking = asking.parent_nursery.parent_task if asking.parent_nursery else None
        return False

    # -- one child ------------------------------------------------------------------------------

    def child_path(self, child_id: str) -> str:
        """Return the path of a child, unique in the tree."""
        own = self.process.path if self.process else ""
        return f"{own}/{child_id}" if own else child_id

    async def start(self, slot: Slot, *, why: str | None = None) -> ExitReason | None:
        """Start the child of `slot` and wait for its init; return the reason if it failed.

        `why` is set on a restart and kept in the history of the child.
        """
        if self._nursery is None or self.process is None:
            raise NoProcError("the supervisor does not run")
        slot.generation += 1
        process = Process(self.child_path(slot.spec.id), self.process.runtime, slot.generation)
        slot.process = process
        slot.restarting = False
        began = trio.current_time()
        self._living[process] = None
        process.on_exit(self._forget)
        self._nursery.start_soon(process.run, slot.spec.start, name=process.path)
        self._starting = process
        await process.up()
        self._starting = None
        if process.started_at is None:
            return self._not_started(slot, process, during_restart=why is not None)
        slot.known = process
        if why is not None:
            slot.restarts += 1
            slot.history.append(Restarted(trio.current_time(), why))
        process.on_exit(lambda ended: self.post(Ended(slot, ended)))
        self.report(ChildStarted(process.path, slot.generation, trio.current_time() - began))
        return None

    def _forget(self, process: Process) -> None:
        del self._living[process]

    def _not_started(
        self, slot: Slot, process: Process, *, during_restart: bool
    ) -> ExitReason | None:
        slot.process = None
        slot.last_exit = process.exit
        if process.ignored:
            return None
        reason = process.exit or KILLED
        self.report(ChildStartFailed(process.path, reason, during_restart))
        return reason

    async def stop(self, slot: Slot) -> None:
        """Stop the child by its shutdown rule and leave the slot idle; idle ones cost no time."""
        slot.restarting = False
        process, slot.process = slot.process, None
        if process is None:
            return
        limit = slot.spec.stop_limit
        reason = await end(process, limit)
        slot.last_exit = reason
        if not _is_expected(slot, reason, limit):
            self.report(ChildShutdownFailed(process.path, reason))

    def start_error(self, slot: Slot, reason: ExitReason) -> StartError:
        """Build the error for whoever asked for the start."""
        return StartError(self.child_path(slot.spec.id), reason)

    def spend(self, offender: Slot) -> bool:
        """Use one unit of the budget; False, and a report, when there was none."""
        if self.window.spend(trio.current_time()):
            return True
        budget = self.window.budget
        path = self.process.path if self.process else ""
        self.report(
            RestartBudgetSpent(
                path, self.child_path(offender.spec.id), budget.intensity, budget.period
            )
        )
        return False

    def report(self, event: SupervisorEvent) -> None:
        """Pass a fact to whoever watches the tree."""
        if self.process is not None:
            self.process.runtime.report(event)


async def end(process: Process, limit: float | Stop) -> ExitReason:
    """Stop one process: ask, wait `limit` seconds, kill; return how it ended.

    A process that does not even end after the kill is reported as a zombie and left behind.
    """
    if not isinstance(limit, Stop):
        process.shutdown(SHUTDOWN)
        with trio.move_on_after(limit):
            return await process.join()
    process.kill()
    with trio.move_on_after(ZOMBIE_SECONDS):
        return await process.join()
    process.runtime.report(ZombieFound(process.path, ZOMBIE_SECONDS))
    return KILLED


def _is_expected(slot: Slot, reason: ExitReason, limit: float | Stop) -> bool:
    if limit is BRUTAL_KILL and reason == KILLED:
        return True
    if reason == SHUTDOWN:
        return limit is not BRUTAL_KILL or slot.spec.restart is not Restart.PERMANENT
    return is_clean(reason) and slot.spec.restart is not Restart.PERMANENT
