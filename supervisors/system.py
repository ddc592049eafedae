"""System messages: how a live loop, actor or supervisor alike, is looked at, held and ended.

They wait in the same queue as all others (OTP-268); a suspended loop serves only them and the
stop of its parent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, cast

import trio

from supervisors.debug import Debug
from supervisors.errors import NoProcError
from supervisors.exits import NORMAL, ExitReason

if TYPE_CHECKING:
    from supervisors.process import Process

SYSTEM_SECONDS = 5.0


class Served(Protocol):
    """What a loop offers to system requests, between two messages."""

    debug: Debug | None
    suspended: bool

    def get_state(self) -> object:
        """Return the present state."""
        ...

    def set_state(self, state: object) -> None:
        """Put a state in place of the present one."""
        ...

    def status(self) -> dict[str, object]:
        """Return redacted facts."""
        ...

    def end_with(self, reason: ExitReason) -> None:
        """End through the usual cleanup after this request."""
        ...


@dataclass(slots=True, eq=False)
class SystemRequest:
    """One request and the place of its answer."""

    operation: Callable[[Served], object]
    done: trio.Event = field(default_factory=trio.Event)
    answer: object = None
    error: Exception | None = None

    def carry_out(self, loop: Served) -> None:
        """Run the operation; what it raises goes to whoever asked, the loop is not hurt."""
        try:
            self.answer = self.operation(loop)
        except Exception as error:  # noqa: BLE001 - raised where it was asked for
            self.error = error
        self.done.set()

    def refuse(self) -> None:
        """Tell whoever asked that the process has ended."""
        self.error = NoProcError("the process has ended")
        self.done.set()


class SystemTimeoutError(Exception):
    """No answer in time: the process is busy with one message, or stuck."""


async def ask(
    process: Process | None, operation: Callable[[Served], object], timeout: float = SYSTEM_SECONDS
) -> object:
    """Have a loop run `operation` on itself; `NoProcError` when it has ended or is none."""
    if process is None or process.system is None or not process.is_alive:
        raise NoProcError("no such process")
    request = SystemRequest(operation)
    process.system(request)
    with trio.move_on_after(timeout):
        await request.done.wait()
    if not request.done.is_set():
        raise SystemTimeoutError(f"{process.path} did not answer in {timeout:g} s")
    if request.error is not None:
        raise request.error
    return request.answer


class StopFailedError(Exception):
    """The process did not end as asked: `reason` is how it did, None when it did not in time."""

    def __init__(self, target: str, reason: ExitReason | None) -> None:
        super().__init__(f"{target} did not stop as asked ({reason or 'timeout'})")
        self.target = target
        self.reason = reason


async def stop(
    process: Process | None, reason: ExitReason = NORMAL, *, timeout: float = float("inf")
) -> None:
    """End a process through its own cleanup and wait until it is gone.

    `NoProcError` when there is none; `StopFailedError` when it ended otherwise or not in time.
    """
    if process is None or process.system is None or not process.is_alive:
        raise NoProcError("no such process")
    process.system(SystemRequest(lambda loop: loop.end_with(reason)))
    ended: ExitReason | None = None
    with trio.move_on_after(timeout):
        ended = await process.join()
    if ended != reason:
        raise StopFailedError(process.path, ended)


async def get_state(process: Process | None, *, timeout: float = SYSTEM_SECONDS) -> object:
    """Return the present state, as it is between two messages."""
    return await ask(process, lambda loop: loop.get_state(), timeout)


async def replace_state(
    process: Process | None,
    change: Callable[[object], object],
    *,
    timeout: float = SYSTEM_SECONDS,
) -> object:
    """Put in what `change` makes of the state and return it; if it raises, nothing changes."""

    def operation(loop: Served) -> object:
        state = change(loop.get_state())
        loop.set_state(state)
        return state

    return await ask(process, operation, timeout)


async def suspend(process: Process | None, *, timeout: float = SYSTEM_SECONDS) -> None:
    """Have the process serve nothing but system messages and its parent; twice is once."""
    await ask(process, lambda loop: _hold(loop, held=True), timeout)


async def resume(process: Process | None, *, timeout: float = SYSTEM_SECONDS) -> None:
    """Go on, with what has gathered, in order."""
    await ask(process, lambda loop: _hold(loop, held=False), timeout)


def _hold(loop: Served, *, held: bool) -> None:
    loop.suspended = held


async def get_status(
    process: Process | None, *, timeout: float = SYSTEM_SECONDS
) -> dict[str, object]:
    """Return what the process is, if it is suspended, its debug options, its state redacted."""

    def operation(loop: Served) -> object:
        debug = loop.debug.options() if loop.debug is not None else ()
        return {"suspended": loop.suspended, "debug": debug, **loop.status()}

    return cast("dict[str, object]", await ask(process, operation, timeout))
