"""What every supervisor is: one loop that serves ends, stop and requests in order of arrival.

Nothing else touches the children: `start_child` and its like put a request into the same inbox
and wait for the answer, so two of them never overlap, and a slow `init` delays them all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

import trio

from supervisors.census import ChildInfo, Count, count, which
from supervisors.debug import Debug, Happening
from supervisors.decide import shuts_down
from supervisors.errors import DeadlockError, NoProcError
from supervisors.events import UnexpectedMessage
from supervisors.exits import NORMAL, SHUTDOWN, ExitReason
from supervisors.gate import Gate
from supervisors.keeper import Keeper
from supervisors.notes import Ended, Request, Retry, StopAsked, jumps_the_queue
from supervisors.process import CURRENT, Process
from supervisors.reports import brief
from supervisors.slot import Slot
from supervisors.spec import AutoShutdown, Flags, Ignore, Strategy
from supervisors.system import SystemRequest

T = TypeVar("T")


class SupervisorLoop(Keeper, ABC):
    """Common part of the static and the dynamic supervisor; `run` is the body of its process."""

    strategy: Strategy
    auto_shutdown: AutoShutdown

    def __init__(self) -> None:
        super().__init__()
        self.stop_asked = False
        self.suspended = False
        self.debug: Debug | None = None
        self._closed = False
        self._end: ExitReason | None = None

    # -- the kinds of supervisor differ here ----------------------------------------------------

    @abstractmethod
    def slots(self) -> list[Slot]:
        """Return the children in start order."""

    @abstractmethod
    def init(self) -> Ignore | None:
        """Take flags and specs; may decline, or raise: the start fails."""

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

        Killed, it stops nobody: its children are linked to it and hear of its end.
        """
        self.process = process
        process.trap(self._hear)
        process.on_shutdown(self._ask_to_stop)
        try:
            if self.init() is not None:
                process.ignore()
                return NORMAL
            failure = await self.boot()
            if failure is not None:
                return failure
            process.system = self._inbox.put
            process.started(self)
            return await self._serve()
        finally:
            self._refuse_rest()

    def _hear(self, reason: ExitReason, sender: Process | None) -> bool:
        """Take every exit signal as a message: of the parent, of a child, or of no interest."""
        if self.process is not None and sender is not None and sender is self.process.parent:
            self._ask_to_stop(reason)
        elif sender is not None and sender.started_at is not None and sender in self._members:
            self._inbox.put(Ended(self._members[sender], sender))
        return True

    def _ask_to_stop(self, reason: ExitReason) -> None:
        """Queue the stop; during the boot nobody waits for the init that is under way."""
        self.stop_asked = True
        self._inbox.put(StopAsked(reason))
        if self._starting is not None and self.process and self.process.started_at is None:
            self._starting.shutdown(reason)

    async def _serve(self) -> ExitReason:
        while True:
            note = await self._next()
            if self.debug is not None:
                self.debug.tell(Happening.IN, note)
            reason = await self._do(note)
            if reason is not None:
                return reason

    async def _next(self) -> object:
        if self._inbox.items:
            await trio.lowlevel.checkpoint()  # otherwise the sleep is one
        while True:
            if self.process is not None and self.process.is_cut:
                await trio.lowlevel.checkpoint()
            note = self._inbox.take(jumps_the_queue if self.suspended else None)
            if note is not None:
                return note
            await self._inbox.news()

    async def _do(self, note: object) -> ExitReason | None:
        """Serve one note; a reason means that the supervisor has stopped its children and ends."""
        match note:
            case Ended(slot=slot, process=process):
                if slot.process is process and not await self._ended(slot, process):
                    return SHUTDOWN
            case Retry(slot=slot):
                if slot.restarting and slot.pending is note and not await self.retry(slot):
                    return SHUTDOWN
            case StopAsked(reason=reason):
                await self.stop_children()
                return reason
            case Request():
                await cast("Request[object]", note).carry_out()
            case SystemRequest():
                note.carry_out(self)
                if self._end is not None:
                    await self.stop_children()
                return self._end
            case _:
                self.report(UnexpectedMessage(self.path, brief(note)))
        return None

    async def _ended(self, slot: Slot, process: Process) -> bool:
        self.vacate(slot)
        slot.last_exit = process.exit
        if process.fatal is not None:
            return True  # nobody's crash: the root is about to stop the whole tree
        return await self.child_ended(slot, process.exit or NORMAL)

    async def auto_shut_down(self, ended: Slot) -> bool:
        """Stop the children if the end of `ended`, for good, is to be ours; True if so."""
        if not ended.spec.significant:
            return False
        left = any(
            one.spec.significant and (one.process is not None or one.restarting)
            for one in self.slots()
            if one is not ended
        )
        if not shuts_down(self.auto_shutdown, significant_left=left):
            return False
        if self.process is not None:
            path = self.child_path(ended.spec.id)
            self.process.because = f"significant {path} ended ({ended.last_exit})"
        await self.stop_children()
        return True

    def _refuse_rest(self) -> None:
        """Answer those who still wait: the supervisor is gone."""
        self._closed = True
        while (note := self._inbox.take()) is not None:
            if isinstance(note, Request):
                note.error = NoProcError("the supervisor has ended")
                note.done.open()
            elif isinstance(note, SystemRequest):
                note.refuse()

    # -- requests -------------------------------------------------------------------------------

    def send(self, message: object) -> None:
        """Put a plain message into the inbox: it is reported and skipped."""
        self._inbox.put(message)

    async def request(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Have `operation` run by the supervisor, between two other notes.

        Raises what the operation refuses with; `NoProcError` when the supervisor is gone, with
        its exit as the reason when it went meanwhile.
        """
        if self._waits_for(CURRENT.get()):
            raise DeadlockError("the supervisor waits for this very process: both would for ever")
        if self._closed:
            raise NoProcError("the supervisor has ended")
        request = Request(operation, Gate())
        self._inbox.put(request)
        await request.done.passed()
        if isinstance(request.error, NoProcError) and self.process is not None:
            request.error.reason = await self.process.join()
        if request.error is not None:
            raise request.error
        return cast("T", request.answer)

    def _waits_for(self, asking: Process | None) -> bool:
        """Whether `asking` is the supervisor itself or part of an init it waits for (P-19)."""
        if asking is not None and asking is self.process:
            return True
        while asking is not None and asking.started_at is None:
            if asking is self._starting:
                return True
            asking = asking.parent
        return False

    async def which_children(self) -> list[ChildInfo]:
        """List the children in the order of their start."""

        async def operation() -> list[ChildInfo]:
            return which(self.slots())

        return await self.request(operation)

    async def count_children(self) -> Count:
        """Count the children."""

        async def operation() -> Count:
            return self.census()

        return await self.request(operation)

    def census(self) -> Count:
        """Count the children now."""
        return count(self.slots())

    # -- for system messages --------------------------------------------------------------------

    def get_state(self) -> object:
        """Return the children as they are now."""
        return which(self.slots())

    def set_state(self, state: object) -> None:
        """Refuse: the children are processes, not values."""
        raise TypeError(f"the state of a supervisor cannot be replaced by {brief(state)}")

    def status(self) -> dict[str, object]:
        """Return facts without secrets."""
        parent = self.process.parent if self.process else None
        return {
            "module": type(self).__name__,
            "parent": parent.path if parent else None,
            "state": brief(self.get_state()),
        }

    def end_with(self, reason: ExitReason) -> None:
        """End after the present note, the children first."""
        self._end = reason


def flags_of(value: object) -> Flags:
    """Return what an init callback gave, if it is what it should be."""
    if not isinstance(value, Flags):
        raise BadFlagsError(value)
    return value


class BadFlagsError(Exception):
    """The init callback of a supervisor gave something that are no flags."""

    def __init__(self, value: object) -> None:
        super().__init__(f"not the flags of a supervisor: {brief(value)}")
        self.value = value
