"""The handle of a task, for the process that started it."""

from __future__ import annotations

from typing import Final, Generic, TypeVar

import trio

from actors.kernel.own import find_current_process
from actors.kernel.tasks.job import Job
from actors.kernel.tasks.outcome import (
    AlreadyAwaitedError,
    Exit,
    NotTaskOwnerError,
    Ok,
    Outcome,
    TaskExitError,
    TaskTimeoutError,
)
from supervisors.exits import KILLED, SHUTDOWN
from supervisors.process import Process
from supervisors.spec import BRUTAL_KILL, Stop

T = TypeVar("T")

AWAIT_SECONDS: Final = 5.0
ZOMBIE_SECONDS: Final = 5.0
"""How long the end of a killed task is waited for."""


class Task(Generic[T]):
    """One task; its outcome is given once, and to its owner only."""

    def __init__(self, job: Job[T], process: Process) -> None:
        self.process = process
        self.job = job
        self._spent = False

    @property
    def label(self) -> str:
        """What the task is called in errors and reports."""
        return self.job.label

    @property
    def owner(self) -> Process | None:
        """The process that started the task; None when that was done outside of any."""
        return self.job.owner

    async def await_(self, timeout: float = AWAIT_SECONDS) -> T:
        """Return the value of the task, which counts as awaited from now on.

        Raises `TaskExitError` when it ended without, `TaskTimeoutError` when it takes longer: it
        then goes on, and so do links. Uncaught, either is the end of the caller.
        """
        self.check_owner()
        self._spent = True
        outcome = await self._outcome(timeout)
        match outcome:
            case Ok(value):
                return value
            case Exit(reason):
                raise TaskExitError(self.label, reason)
            case None:
                raise TaskTimeoutError(self.label, timeout)

    async def yield_(self, timeout: float = AWAIT_SECONDS) -> Outcome[T] | None:
        """Return how the task came out; None when it is not done yet: ask again."""
        self.check_owner()
        outcome = await self._outcome(timeout)
        self._spent = outcome is not None
        return outcome

    async def shutdown(self, limit: float | Stop = 5.0) -> Outcome[T] | None:
        """Unlink the task and stop it: within `limit`, or else by a kill.

        Returns its outcome if it came out before that, None if the stop was all there was to it.
        """
        self.check_owner()
        self._spent = True
        self.job.unlink()
        if self.job.outcome is None:
            await _end(self.process, limit)
        outcome = self.job.outcome
        expected = KILLED if limit is BRUTAL_KILL else SHUTDOWN
        return None if outcome == Exit(expected) else outcome

    def ignore(self) -> Outcome[T] | None:
        """Unlink the task and let it go on for nobody; its outcome if it is done already."""
        self.check_owner()
        self._spent = True
        self.job.unlink()
        return self.job.outcome

    def check_owner(self) -> None:
        """Raise unless the calling process may still have the outcome."""
        if find_current_process() is not self.owner:
            raise NotTaskOwnerError(f"task {self.label} was started by another process")
        if self._spent:
            raise AlreadyAwaitedError(f"the outcome of task {self.label} was taken before")

    async def _outcome(self, timeout: float) -> Outcome[T] | None:
        with trio.move_on_after(timeout):
            await self.job.done.wait()
        return self.job.outcome if self.job.done.is_set() else None


async def _end(process: Process, limit: float | Stop) -> None:
    if not isinstance(limit, Stop):
        process.shutdown(SHUTDOWN)
        with trio.move_on_after(limit):
            await process.join()
            return
    process.kill()
    with trio.move_on_after(ZOMBIE_SECONDS):
        await process.join()
