"""The handle of an actor: bound to a name, so that it reaches whichever generation is alive."""

from __future__ import annotations

from typing import Generic, TypeVar, cast

import trio

from actors.kernel.errors import CallExitError, CallTimeoutError, MailboxFullError
from actors.kernel.mailbox import Mailbox
from actors.kernel.messages import Call, Caller, Cast
from supervisors.errors import NoProcError

P = TypeVar("P")
R = TypeVar("R")

CALL_SECONDS = 5.0


class Ref(Generic[P]):
    """Send messages of protocol `P`; made before the actor, shared freely, survives restarts."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._mailbox: Mailbox | None = None
        self._bound = trio.Event()

    def bind(self, mailbox: Mailbox | None) -> None:
        """Point the name to a living actor's mailbox, or to nobody; for the actor loop only."""
        self._mailbox = mailbox
        if mailbox is not None:
            self._bound.set()
        elif self._bound.is_set():
            self._bound = trio.Event()

    def release(self, mailbox: Mailbox) -> None:
        """Point the name to nobody, unless another generation holds it by now."""
        if self._mailbox is mailbox:
            self.bind(None)

    @property
    def is_alive(self) -> bool:
        """Whether some generation of the actor is running now."""
        return self._mailbox is not None

    async def call(
        self, message: Call[P, R], *, timeout: float = CALL_SECONDS, wait_for_room: bool = False
    ) -> R:
        """Send a request and wait for its reply, `timeout` seconds at most.

        Raises `NoProcError` or `MailboxFullError` (it was not accepted), `CallExitError` or
        `CallTimeoutError` (the effect is unknown), or what the actor refuses with. Cancelled, it
        withdraws nothing. With `wait_for_room` a full mailbox is waited for, within `timeout`.
        """
        caller = Caller[R]()
        envelope_caller = cast("Caller[object]", caller)
        try:
            with trio.move_on_after(timeout):
                if wait_for_room:
                    await self._living().put_when_room(message, envelope_caller)
                else:
                    self._living().put(message, envelope_caller)
                await caller.wait()
        finally:
            caller.abandon()
        if caller.error is not None:
            raise caller.error
        if caller.exit is not None:
            raise CallExitError(self.name, message, caller.exit)
        if not caller.answered:
            raise CallTimeoutError(self.name, message, timeout)
        return cast("R", caller.value)

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
                await self._bound.wait()

    def cast(self, message: Cast[P]) -> bool:
        """Send without waiting; False when nobody was there or its mailbox was full."""
        if self._mailbox is None:
            return False
        try:
            self._mailbox.put(message)
        except (NoProcError, MailboxFullError):
            return False
        return True

    async def send(self, message: Cast[P]) -> None:
        """Send, waiting for room in the mailbox; `NoProcError` when the actor has ended."""
        await self._living().put_when_room(message)

    def _living(self) -> Mailbox:
        if self._mailbox is None:
            raise NoProcError(f"{self.name} is not running")
        return self._mailbox
