"""The usual target: bound to a name, so that it reaches whichever generation is alive."""

from __future__ import annotations

from typing import TypeVar

import trio

from actors.kernel.errors import CallExitError
from actors.kernel.mailbox import Mailbox
from actors.kernel.messages import Call
from actors.kernel.target import CALL_SECONDS, Target
from supervisors.child import ZOMBIE_SECONDS
from supervisors.errors import NoProcError
from supervisors.exits import AlreadyStarted
from supervisors.gate import Gate
from supervisors.process import Process, StartRefusedError

P = TypeVar("P")
R = TypeVar("R")

__all__ = ["CALL_SECONDS", "Ref"]


class Ref(Target[P]):
    """Send messages of protocol `P`; made before the actor, shared freely, survives restarts."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._mailbox: Mailbox | None = None
        self._bound = Gate()

    def find_mailbox(self) -> Mailbox | None:
        """Return the mailbox of the living generation."""
        return self._mailbox

    async def claim(self, mailbox: Mailbox) -> None:
        """Point the name to a starting actor; `StartRefusedError` while another one holds it.

        One whose supervisor was killed is about to end, and is waited for.
        """
        holder = self.process
        if holder is not None and _is_orphan(holder):
            with trio.move_on_after(ZOMBIE_SECONDS):
                await holder.join()
            holder = self.process
        if holder is not None and holder.is_alive and not holder.is_doomed:
            raise StartRefusedError(AlreadyStarted(holder))
        self.bind(mailbox)

    def bind(self, mailbox: Mailbox | None) -> None:
        """Point the name to a living actor's mailbox, or to nobody; for the actor loop only."""
        self._mailbox = mailbox
        if mailbox is not None:
            self._bound.open()
        elif self._bound.is_open:
            self._bound = Gate()

    def release(self, mailbox: Mailbox) -> None:
        """Point the name to nobody, unless another generation holds it by now."""
        if self._mailbox is mailbox:
            self.bind(None)

    @property
    def is_alive(self) -> bool:
        """Whether some generation of the actor is running now."""
        return self._mailbox is not None

    async def call_again(
        self,
        message: Call[P, R],
        *,
        timeout: float = CALL_SECONDS,
        patience: float = CALL_SECONDS,
        repetition: Call[P, R] | None = None,
    ) -> R:
        """As `call`, but repeated when the actor ends under it, for `patience` seconds in all.

        Only for messages whose repetition does no harm. A mailbox that is full is waited for.
        When an earlier try may have had its effect, `repetition` is sent in place of `message`,
        and `CallExitError` is what is raised at the end.
        """
        give_up = trio.current_time() + patience
        unknown: CallExitError | None = None
        while True:
            try:
                return await self.call(message, timeout=timeout, wait_for_room=True)
            except CallExitError as error:
                unknown = error
                message = repetition or message
            except NoProcError:
                if unknown is None and trio.current_time() >= give_up:
                    raise
            if unknown is not None and trio.current_time() >= give_up:
                raise unknown
            with trio.move_on_at(give_up):
                await self._bound.passed()


def _is_orphan(process: Process) -> bool:
    return process.parent is not None and not process.parent.is_alive
