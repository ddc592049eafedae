"""Bringing up and down the children of one supervisor, one at a time."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import trio

from supervisors.backoff import Patience
from supervisors.budget import Window
from supervisors.child import bring_up, end, end_together, is_expected
from supervisors.errors import NoProcError, StartError
from supervisors.events import (
    ChildShutdownFailed,
    ChildStarted,
    ChildStartFailed,
    RestartBudgetSpent,
    SupervisorEvent,
)
from supervisors.exits import KILLED, ExitReason, Failed
from supervisors.farewell import Stopped
from supervisors.inbox import Inbox
from supervisors.notes import Retry
from supervisors.process import Process
from supervisors.reports import brief
from supervisors.slot import Restarted, Slot
from supervisors.spec import ACTOR_SHUTDOWN_SECONDS, Stop, Zombie

ZOMBIE = Failed("its former life does not end")


def because(process: Process | None) -> str:
    """Return what is known of an end beyond its reason, to be appended."""
    return f": {process.because}" if process is not None and process.because else ""


class Keeper:
    """Starts and stops children in slots; decides nothing."""

    window: Window

    def __init__(self) -> None:
        self.process: Process | None = None
        self._inbox: Inbox[object] = Inbox()
        self._members: dict[Process, Slot] = {}
        self._starting: Process | None = None

    @property
    def path(self) -> str:
        """The path of the supervisor itself."""
        return self.process.path if self.process else ""

    def child_path(self, child_id: Hashable) -> str:
        """Return the path of a child, unique in the tree."""
        return f"{self.path}/{child_id}" if self.path else str(child_id)

    async def start(
        self, slot: Slot, *, why: str | None = None, asked: bool = False
    ) -> ExitReason | None:
        """Start the child of `slot` and wait for its init; return the reason if it failed.

        `why` is set on a restart and kept in the history of the child. A failure is reported,
        unless the start was `asked` for: then whoever asked is told.
        """
        if self.process is None:
            raise NoProcError("the supervisor does not run")
        slot.generation += 1
        process = self._new_process(slot, self.process)
        began = trio.current_time()
        if self._is_haunted(slot):
            return self._not_started(slot, process, ZOMBIE, why=why, asked=asked)
        slot.process = process
        slot.restarting = False
        self._members[process] = slot
        self.process.link(process)
        self._starting = process
        reason = await bring_up(process, slot.spec.start)
        self._starting = None
        if reason is not None:
            return self._not_started(slot, process, reason, why=why, asked=asked)
        slot.known = process
        if why is not None:
            slot.note(Restarted(trio.current_time(), why))
        self.report(ChildStarted(process.path, slot.generation, trio.current_time() - began))
        return None

    def _new_process(self, slot: Slot, parent: Process) -> Process:
        path = self.child_path(slot.spec.id)
        process = Process(path, parent.runtime, slot.generation, parent=parent)
        process.keepsake = slot.known.keepsake if slot.known is not None else None
        limit = slot.spec.stop_limit
        process.orphan_seconds = ACTOR_SHUTDOWN_SECONDS if isinstance(limit, Stop) else limit
        start = slot.spec.start
        process.initial_call = getattr(start, "__qualname__", "") or brief(start)
        return process

    def _is_haunted(self, slot: Slot) -> bool:
        if slot.zombie is None or not slot.zombie.is_alive:
            slot.zombie = None
            return False
        return slot.spec.zombie is not Zombie.START

    def _not_started(
        self, slot: Slot, process: Process, reason: ExitReason, *, why: str | None, asked: bool
    ) -> ExitReason | None:
        self.vacate(slot)
        slot.restarting = False
        slot.last_exit = reason
        if process.ignored or (process.fatal is not None and why is not None):
            return None  # who brings Ctrl-C is not tried again: the whole tree is about to stop
        if not asked:
            self.report(ChildStartFailed(process.path, reason, why is not None, slot.offender()))
        return reason

    def try_later(self, slot: Slot) -> bool:
        """Note that a start in a restart failed; False when the supervisor has to give up for it.

        Tried again through the inbox, after whatever arrived before; if it failed for a zombie,
        when the zombie has ended.
        """
        if slot.zombie is not None and slot.spec.zombie is Zombie.GIVE_UP:
            return False
        slot.cause = f"its start failed ({slot.last_exit})"
        slot.restarting = True
        if slot.zombie is None:
            self._retry(slot, None)
        else:
            note = slot.pending = Retry(slot)
            slot.zombie.on_exit(lambda _: self._inbox.put(note))
        return True

    def is_put_off(self, slot: Slot, cause: str) -> bool:
        """Have a child with a backoff wait for its restart; False when it has none."""
        if slot.spec.backoff is None:
            return False
        slot.cause = cause
        slot.restarting = True
        self._retry(slot, slot.known.started_at if slot.known is not None else None)
        return True

    def _retry(self, slot: Slot, started_at: float | None) -> None:
        """Put a retry into the inbox, now or when the backoff of the child is over."""
        note = slot.pending = Retry(slot)
        if slot.spec.backoff is None or self.process is None:
            self._inbox.put(note)
            return
        slot.patience = slot.patience or Patience(slot.spec.backoff)
        seconds = slot.patience.wait_after(started_at)
        self.process.runtime.home().start_soon(self._retry_later, self.process, note, seconds)

    async def _retry_later(self, own: Process, note: Retry, seconds: float) -> None:
        with trio.move_on_after(seconds):
            await own.join()
        if own.is_alive:
            self._inbox.put(note)

    def vacate(self, slot: Slot) -> Process | None:
        """Take the process out of its slot."""
        process, slot.process = slot.process, None
        if process is not None:
            self._members.pop(process, None)
        return process

    async def stop(self, slot: Slot) -> ExitReason | None:
        """Stop the child by its shutdown rule, leave the slot idle; return how it ended.

        Idle ones cost no time. When the supervisor is killed meanwhile, so is the child.
        """
        slot.restarting = False
        began = trio.current_time()
        process = self.vacate(slot)
        if process is None:
            return None
        if self.process is not None:
            self.process.unlink(process)
        slot.zombie = process  # until it is known to have ended
        slot.last_exit = await end(process, slot.spec.stop_limit)
        if not process.is_alive:
            slot.zombie = None
        self._note_stop(process, began)
        return slot.last_exit

    def _note_stop(self, process: Process, began: float) -> None:
        """Keep how a child ended, when the supervisor is about to end itself."""
        if self.process is not None and self.process.ending_at is not None:
            ended, reason = trio.current_time(), process.exit or KILLED
            stop = Stopped(process.path, began, ended, reason, reason == KILLED)
            self.process.runtime.stopped.append(stop)

    def begin_to_end(self) -> None:
        """Note when the children began to be stopped for good."""
        if self.process is not None and self.process.ending_at is None:
            self.process.ending_at = trio.current_time()

    async def stop_together(self, slots: Iterable[Slot]) -> list[tuple[Slot, ExitReason]]:
        """As `stop`, of many at once; return how those that ran ended."""
        ends: list[tuple[Slot, Process]] = []
        began = trio.current_time()
        for slot in slots:
            slot.restarting = False
            process = self.vacate(slot)
            if process is not None:
                ends.append((slot, process))
                slot.zombie = process
                if self.process is not None:
                    self.process.unlink(process)
        await end_together((process, slot.spec.stop_limit) for slot, process in ends)
        for slot, process in ends:
            slot.last_exit = process.exit or KILLED
            if not process.is_alive:
                slot.zombie = None
            self._note_stop(process, began)
        return [(slot, process.exit or KILLED) for slot, process in ends]

    async def stop_one(self, slot: Slot) -> None:
        """As `stop`; an end that was not expected is reported."""
        reason = await self.stop(slot)
        if reason is not None and not is_expected(slot.spec, reason):
            path = self.child_path(slot.spec.id)
            self.report(ChildShutdownFailed(path, reason, slot.offender()))

    def start_error(self, slot: Slot, reason: ExitReason) -> StartError:
        """Build the error for whoever asked for the start."""
        return StartError(self.child_path(slot.spec.id), reason)

    def spend(self, offender: Slot) -> bool:
        """Use one unit of the budget; False, and a report, when there was none."""
        if self.window.spend(trio.current_time()):
            return True
        budget = self.window.budget
        path = self.child_path(offender.spec.id)
        if self.process is not None:
            last = f"{offender.last_exit}{because(offender.known)}"
            self.process.because = f"{path} ended once too often ({last})"
        self.report(
            RestartBudgetSpent(
                self.path, path, budget.intensity, budget.period, offender.offender()
            )
        )
        return False

    def report(self, event: SupervisorEvent) -> None:
        """Pass a fact to whoever watches the tree."""
        if self.process is not None:
            self.process.runtime.report(event)
