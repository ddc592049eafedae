"""Look at, hold and end a live actor or supervisor; all of it waits in its queue like a message.

Every function takes a target or a process, raises `NoProcError` when nobody is there and
`SystemTimeoutError` when it does not answer in `SYSTEM_SECONDS`. Debug functions that nobody
switched on cost nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import cast

import trio

from actors.kernel.living import Peer, process_of
from supervisors import system
from supervisors.debug import LOG_SIZE, Debug, DebugEvent, Hook, Statistics
from supervisors.exits import ExitReason
from supervisors.system import SYSTEM_SECONDS, Served, SystemTimeoutError

__all__ = ["SYSTEM_SECONDS", "SystemTimeoutError"]


async def get_state(peer: Peer, *, timeout: float = SYSTEM_SECONDS) -> object:
    """Return the present state, as it is between two messages."""
    return await system.get_state(process_of(peer), timeout=timeout)


async def replace_state(
    peer: Peer, change: Callable[[object], object], *, timeout: float = SYSTEM_SECONDS
) -> object:
    """Put in what `change` makes of the state and return it; if it raises, nothing changes."""
    return await system.replace_state(process_of(peer), change, timeout=timeout)


async def suspend(peer: Peer, *, timeout: float = SYSTEM_SECONDS) -> None:
    """Have it serve nothing but system messages and its parent; twice is once."""
    await system.suspend(process_of(peer), timeout=timeout)


async def resume(peer: Peer, *, timeout: float = SYSTEM_SECONDS) -> None:
    """Go on, with what has gathered, in order."""
    await system.resume(process_of(peer), timeout=timeout)


async def get_status(peer: Peer, *, timeout: float = SYSTEM_SECONDS) -> dict[str, object]:
    """Return module, parent, whether suspended, debug options, and the state redacted."""
    return await system.get_status(process_of(peer), timeout=timeout)


async def terminate(peer: Peer, reason: ExitReason, *, timeout: float = SYSTEM_SECONDS) -> None:
    """End it through its own cleanup; returns when it has begun."""
    await system.ask(process_of(peer), lambda loop: loop.end_with(reason), timeout)


# -- debug functions --------------------------------------------------------------------------


async def log(peer: Peer, *, size: int = LOG_SIZE) -> None:
    """Keep the last `size` events; 0 switches it off."""
    await _debug(peer, lambda debug: _set_log(debug, size))


async def get_log(peer: Peer) -> list[DebugEvent]:
    """Return the events kept, oldest first."""
    return cast("list[DebugEvent]", await _debug(peer, lambda debug: list(debug.log or ())))


async def trace(peer: Peer, printer: Callable[[str], None] | None) -> None:
    """Pass a line for each event to `printer`; None switches it off."""
    await _debug(peer, lambda debug: _set_trace(debug, printer))


async def statistics(peer: Peer, *, on: bool) -> None:
    """Begin to count anew, or stop counting."""
    await _debug(peer, lambda debug: _set_statistics(debug, on=on))


async def get_statistics(peer: Peer) -> Statistics | None:
    """Return what was counted; None when nothing is."""
    return cast("Statistics | None", await _debug(peer, _counted))


async def install(peer: Peer, name: Hashable, hook: Hook, state: object = None) -> None:
    """Add a debug function with a state of its own; one that raises is removed."""
    await _debug(peer, lambda debug: debug.hooks.setdefault(name, (hook, state)))


async def remove(peer: Peer, name: Hashable) -> None:
    """Remove a debug function."""
    await _debug(peer, lambda debug: debug.hooks.pop(name, None))


async def no_debug(peer: Peer) -> None:
    """Remove all debug functions at once."""
    await _debug(peer, _clear)


async def _debug(peer: Peer, change: Callable[[Debug], object]) -> object:
    def operation(loop: Served) -> object:
        debug = loop.debug or Debug()
        answer = change(debug)
        loop.debug = None if debug.is_empty else debug
        return answer

    return await system.ask(process_of(peer), operation)


def _set_log(debug: Debug, size: int) -> None:
    debug.log = deque(debug.log or (), maxlen=size) if size else None


def _set_trace(debug: Debug, printer: Callable[[str], None] | None) -> None:
    debug.trace = printer


def _set_statistics(debug: Debug, *, on: bool) -> None:
    debug.counted = Statistics(trio.current_time(), trio.current_time()) if on else None


def _counted(debug: Debug) -> Statistics | None:
    return replace(debug.counted, now=trio.current_time()) if debug.counted else None


def _clear(debug: Debug) -> None:
    debug.log = debug.trace = debug.counted = None
    debug.hooks.clear()
