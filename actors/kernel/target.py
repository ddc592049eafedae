"""Everything that takes messages: one interface for a name, a life, or any other way there."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Generic, TypeVar, cast

import trio

from actors.kernel.errors import (
    CallCycleError,
    CallExitError,
    CallingSelfError,
    CallNoProcError,
    CallTimeoutError,
    MailboxFullError,
)
from actors.kernel.mailbox import Mailbox
from actors.kernel.messages import Call, Caller, Cast
from supervisors import system
from supervisors.errors import NoProcError
from supervisors.exits import NORMAL, ExitReason
from supervisors.process import CURRENT, Process

P = TypeVar("P")
R = TypeVar("R")

CALL_SECONDS = 5.0
MOMENT = 0.001


class Target(ABC, Generic[P]):
    """Takes messages of protocol `P`; whom they reach is decided at each message."""

    name: str

    @abstractmethod
    def find_mailbox(self) -> Mailbox | None:
        """Return where messages go now; None when nobody is there."""

    @property
    def process(self) -> Process | None:
        """The life that messages reach now."""
        mailbox = self.find_mailbox()
        return mailbox.owner if mailbox is not None else None

    async def call(
        self, message: Call[P, R], *, timeout: float = CALL_SECONDS, wait_for_room: bool = False
    ) -> R:
        """Send a request and wait for its reply, `timeout` seconds at most.

        Raises `NoProcError`, `CallingSelfError` or `MailboxFullError` (it was not accepted),
        `CallExitError` or `CallTimeoutError` (the effect is unknown), or what the actor refuses
        with. Cancelled, it withdraws nothing. With `wait_for_room` a full mailbox is waited for,
        within `timeout`. Made in the handler of a call it waits no longer than whoever made that.
        """
        caller: Caller[R] = Caller()
        box = self._living(message)
        asking = self._enter(box, message)
        began = trio.current_time()
        caller.deadline = min(began + timeout, _inherited())
        timeout = caller.deadline - began
        if timeout < 0:
            raise CallTimeoutError(self.name, message, 0.0)
        try:
            with trio.move_on_at(caller.deadline):
                if wait_for_room:
                    await box.put_when_room(message, cast("Caller[object]", caller))
                else:
                    box.put(message, cast("Caller[object]", caller), "call")
                await caller.wait()
        finally:
            if caller.open:
                caller.abandon()
            if asking is not None:
                asking.waits_for = None
        return outcome(caller, self.name, message, timeout)

    def send_request(self, message: Call[P, R]) -> Pending[R]:
        """Send a request without waiting; `NoProcError`, `MailboxFullError` as in `call`."""
        caller: Caller[R] = Caller()
        self._living(message).put(message, cast("Caller[object]", caller), "call")
        return Pending(self.name, message, caller)

    def cast(self, message: Cast[P]) -> bool:
        """Send without waiting; False when nobody was there or its mailbox was full."""
        mailbox = self.find_mailbox()
        if mailbox is None:
            return False
        try:
            mailbox.put(message)
        except (NoProcError, MailboxFullError):
            return False
        return True

    def info(self, message: object) -> bool:
        """Send a plain message, for `handle_info`; never waits, as `cast`."""
        mailbox = self.find_mailbox()
        if mailbox is None:
            return False
        try:
            mailbox.put(message, None, "info")
        except (NoProcError, MailboxFullError):
            return False
        return True

    async def send(self, message: Cast[P]) -> None:
        """Send, waiting for room in the mailbox; `NoProcError` when the actor has ended."""
        await self._living(message).put_when_room(message)

    async def stop(self, reason: ExitReason = NORMAL, *, timeout: float = math.inf) -> None:
        """End the actor through `terminate` and wait until it is gone.

        `NoProcError` when there is none, `StopFailedError` when it ended otherwise or not in time.
        """
        process = self.process
        if process is not None and _is_own_task(process):
            raise CallingSelfError(self.name, reason)
        await system.stop(process, reason, timeout=timeout)

    def _living(self, message: object) -> Mailbox:
        mailbox = self.find_mailbox()
        if mailbox is None or mailbox.is_closed:
            raise CallNoProcError(self.name, message)
        return mailbox

    def _enter(self, box: Mailbox, message: object) -> Process | None:
        """Refuse to wait for oneself; note who waits for whom, where that is wanted."""
        asking, asked = CURRENT.get(), box.owner
        if asking is None or asked is None or asking.task is not trio.lowlevel.current_task():
            return None
        if asking is asked:
            raise CallingSelfError(self.name, message)
        if not asking.runtime.detect_deadlocks:
            return None
        circle = _circle(asking, asked)
        if circle is not None:
            raise CallCycleError(self.name, message, circle)
        asking.waits_for = asked
        return asking


class Pending(Generic[R]):
    """A request that was sent; its reply is fetched later, or given up."""

    def __init__(self, target: str, message: object, caller: Caller[R]) -> None:
        self.target = target
        self._message = message
        self._caller = caller

    @property
    def is_done(self) -> bool:
        """Whether `wait` returns at once."""
        return not self._caller.open

    async def wait(self, timeout: float = CALL_SECONDS) -> R:
        """Wait for the reply; on `CallTimeoutError` the request stands and may be waited for."""
        with trio.move_on_after(timeout):
            await self._caller.wait()
        if self._caller.open:
            raise CallTimeoutError(self.target, self._message, timeout)
        return outcome(self._caller, self.target, self._message, timeout)

    def abandon(self) -> None:
        """Give up: a late reply is dropped."""
        self._caller.abandon()


async def wait_any(pending: list[Pending[R]], timeout: float = CALL_SECONDS) -> Pending[R] | None:
    """Wait until one of the requests is done and return it; None when none was in time."""
    with trio.move_on_after(timeout):
        async with trio.open_nursery() as nursery:
            for one in pending:
                nursery.start_soon(_end_with, one, nursery.cancel_scope)
    return next((one for one in pending if one.is_done), None)


async def _end_with(pending: Pending[R], scope: trio.CancelScope) -> None:
    await pending._caller.wait()  # pyright: ignore[reportPrivateUsage] # noqa: SLF001 - of this module
    scope.cancel()


def outcome(caller: Caller[R], target: str, message: object, timeout: float) -> R:
    """Return the reply, or raise what came in its place."""
    if caller.answered:
        return cast("R", caller.value)
    if caller.error is not None:
        raise caller.error
    if caller.exit is not None:
        raise CallExitError(target, message, caller.exit)
    raise CallTimeoutError(target, message, timeout)


def _inherited() -> float:
    """Return until when the call waits that the calling actor is about to answer."""
    process = CURRENT.get()
    if process is None or process.deadline == math.inf or not _is_own_task(process):
        return math.inf
    return process.deadline + MOMENT  # whoever asked hears of its own timeout first


def _is_own_task(process: Process) -> bool:
    return CURRENT.get() is process and process.task is trio.lowlevel.current_task()


def _circle(asking: Process, asked: Process) -> list[str] | None:
    """Return the paths of the circle that a call would close."""
    paths = [asking.path, asked.path]
    following = asked.waits_for
    while following is not None:
        paths.append(following.path)
        if following is asking:
            return paths
        following = following.waits_for
    return None
