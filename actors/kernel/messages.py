"""The kinds of message, typed by protocol `P` and reply `R`, and the place where a reply goes.

`P` is the marker class of one actor's protocol: a `Ref[P]` takes only messages of `P`, and a call
of `Call[P, R]` has the static type `R`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Generic, Literal, TypeAlias, TypeVar

import trio

from supervisors.exits import ExitReason

if TYPE_CHECKING:
    from supervisors.process import Process

P = TypeVar("P")
R = TypeVar("R")


WhenFull: TypeAlias = Literal["refuse", "drop_newest", "drop_oldest"]


class Call(Generic[P, R]):
    """A request to an actor of protocol `P` that is answered with an `R`."""

    __slots__ = ()


class Cast(Generic[P]):
    """A message to an actor of protocol `P` that is not answered.

    `when_full` says what a full mailbox does with it: `refuse` it (the sender is told), drop it
    as the newest, or drop the oldest waiting one of the same class in its favour.
    """

    __slots__ = ()
    when_full: ClassVar[WhenFull] = "refuse"


class NoReply:
    """Returned by a call handler that answers later, through its `Caller`."""

    __slots__ = ()


NO_REPLY: Final = NoReply()


class Monitor:
    """One watch over one process: its end arrives as one `Down` that carries this very object."""

    __slots__ = ("process", "target")

    def __init__(self, target: str, process: Process | None) -> None:
        self.target = target
        self.process = process


@dataclass(frozen=True, slots=True)
class Down:
    """A monitored process has ended; `NOPROC` when there was none."""

    monitor: Monitor
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class ExitMessage:
    """An exit signal at a process that traps them: of a link, or sent on purpose."""

    sender: Process | None
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class Timeout:
    """No message came within the time that a callback asked for."""


class Caller(Generic[R]):
    """One-shot reply slot of one call, for one waiting task; a late or second reply is dropped."""

    __slots__ = ("_task", "answered", "deadline", "error", "exit", "holder", "open", "value")

    def __init__(self) -> None:
        self.holder: dict[Caller[R], None] | None = None
        self.open = True
        self.deadline = math.inf
        self.answered = False
        self.value: R | None = None
        self.error: Exception | None = None
        self.exit: ExitReason | None = None
        self._task: trio.lowlevel.Task | None = None

    def reply(self, value: R) -> bool:
        """Answer the call; False when nobody waits any more."""
        if not self.open:
            return False
        self.value = value
        self.answered = True
        self._close()
        return True

    def refuse(self, error: Exception) -> bool:
        """Have the call raise `error`: a refusal, not a crash of the actor."""
        if not self.open:
            return False
        self.error = error
        self._close()
        return True

    def fail(self, reason: ExitReason) -> None:
        """Tell the waiting caller that the actor has ended."""
        if self.open:
            self.exit = reason
            self._close()

    def abandon(self) -> None:
        """Stop waiting: a reply that comes now is dropped."""
        self._leave()

    async def wait(self) -> None:
        """Wait for the reply or the end of the actor; a checkpoint."""
        if not self.open:
            await trio.lowlevel.checkpoint()
            return
        self._task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._abort)

    def _abort(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED

    def hold_in(self, holder: dict[Caller[R], None]) -> None:
        """Be listed in `holder` for as long as the call is open."""
        if self.open:
            self.holder = holder
            holder[self] = None

    def _close(self) -> None:
        self._leave()
        if self._task is not None:
            task, self._task = self._task, None
            trio.lowlevel.reschedule(task)

    def _leave(self) -> None:
        self.open = False
        if self.holder is not None:
            self.holder.pop(self, None)
            self.holder = None
