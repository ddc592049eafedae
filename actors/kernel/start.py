"""Actors outside of a supervisor: started by a process, or by nobody."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

from actors.kernel.actor import Actor
from actors.kernel.handle import Handle
from actors.kernel.living import Living
from actors.kernel.messages import Monitor
from supervisors.child import bring_up
from supervisors.errors import StartError
from supervisors.exits import Crash, ExitReason
from supervisors.process import Process
from supervisors.runtime import Runtime
from supervisors.spec import Body

P = TypeVar("P")

Factory = Callable[[], Actor[P]]


async def start(
    runtime: Runtime, path: str, factory: Factory[P], *, timeout: float = math.inf
) -> Handle[P] | None:
    """Start an actor tied to nobody and wait for its init; None when it declined.

    `StartError` has the reason; the name is free again by then. After `timeout` it is killed.
    """
    return await _started(Process(path, runtime), factory, timeout)


async def start_link(
    starter: Process, path: str, factory: Factory[P], *, timeout: float = math.inf
) -> Handle[P] | None:
    """As `start`, linked to `starter`, which is its parent: when that ends, so does the actor."""
    process = Process(path, starter.runtime, parent=starter)
    starter.link(process)
    return await _started(process, factory, timeout)


async def start_monitor(
    starter: Living, path: str, factory: Factory[P], *, timeout: float = math.inf
) -> tuple[Handle[P], Monitor] | None:
    """As `start`, watched by `starter`: no link, but an exit signal of it is its parent's."""
    process = Process(path, starter.process.runtime, parent=starter.process)
    handle = await _started(process, factory, timeout)
    return None if handle is None else (handle, starter.monitor(handle))


async def _started(process: Process, factory: Factory[Any], timeout: float) -> Handle[Any] | None:
    reason = await bring_up(process, _body(process, factory), timeout=timeout)
    if reason is None:
        return Handle(process)
    if process.ignored:
        return None
    error = StartError(process.path, reason)
    raise error from (reason.exception if isinstance(reason, Crash) else None)


def _body(process: Process, factory: Factory[Any]) -> Body:
    async def body(own: Process) -> ExitReason:
        actor = factory()
        process.initial_call = type(actor).__qualname__
        return await actor.run(own)

    return body
