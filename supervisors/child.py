"""One child from outside: bring a process up, bring it down within a limit, judge how it ended."""

from __future__ import annotations

import math
from collections.abc import Iterable
from operator import itemgetter

import trio

from supervisors.events import ZombieFound
from supervisors.exits import KILLED, NORMAL, SHUTDOWN, TIMEOUT, ExitReason, Shutdown
from supervisors.process import Process
from supervisors.spec import BRUTAL_KILL, Body, ChildSpec, Restart, Stop

ZOMBIE_SECONDS = 5.0
"""How long a killed child may take to end before it is called a zombie."""


async def bring_up(process: Process, body: Body, *, timeout: float = math.inf) -> ExitReason | None:
    """Run `body` as `process` and wait for its init; return why it is not up, None if it is.

    A process that declined is not up, with reason normal. After `timeout` it is killed.
    """
    process.runtime.home().start_soon(process.run, body, name=process.path)
    if timeout == math.inf:
        await process.up()
    else:
        with trio.move_on_after(timeout):
            await process.up()
    if process.is_alive and process.started_at is None:
        process.kill()
        await process.join()
        return TIMEOUT
    if process.started_at is not None:
        return None
    return NORMAL if process.ignored else process.exit or KILLED


async def end(process: Process, limit: float | Stop) -> ExitReason:
    """Stop one process: ask, wait `limit` seconds, kill; return how it ended.

    A process that does not even end after the kill is reported as a zombie and left behind. When
    the wait itself is cancelled, the process is killed.
    """
    try:
        if not isinstance(limit, Stop):
            process.shutdown(SHUTDOWN)
            with trio.move_on_after(limit):
                return await process.join()
        process.kill()
        with trio.move_on_after(ZOMBIE_SECONDS):
            return await process.join()
    finally:
        process.kill()
    process.runtime.report(ZombieFound(process.path, ZOMBIE_SECONDS))
    return KILLED


async def end_together(stops: Iterable[tuple[Process, float | Stop]]) -> None:
    """As `end`, of many at once, each within its own limit; how each ended is in its `exit`.

    One task waits for all, the shortest limit first: as many as there are end in one go.
    """
    began = trio.current_time()
    limits = sorted(((_seconds(limit), process) for process, limit in stops), key=itemgetter(0))
    try:
        for limit, process in limits:
            if limit >= 0:
                process.shutdown(SHUTDOWN)
        async with trio.open_nursery() as nursery:
            for limit, process in limits:
                if process.is_alive and limit >= 0:
                    with trio.move_on_at(began + limit):
                        await process.join()
                if process.is_alive:
                    nursery.start_soon(end, process, BRUTAL_KILL)
    finally:
        for _, process in limits:
            process.kill()


def _seconds(limit: float | Stop) -> float:
    """Return a limit to sort by: none at all comes before zero."""
    return -1.0 if isinstance(limit, Stop) else limit


def is_expected(spec: ChildSpec, reason: ExitReason) -> bool:
    """Whether a child told to stop ended as it should, so that there is nothing to report."""
    brutal = spec.stop_limit is BRUTAL_KILL
    if brutal and reason == KILLED:
        return True
    if reason == SHUTDOWN:
        return not brutal or spec.restart is not Restart.PERMANENT
    return _is_quiet(reason) and spec.restart is not Restart.PERMANENT


def is_expected_of_dynamic(spec: ChildSpec, reason: ExitReason) -> bool:
    """Likewise when a dynamic supervisor stops all its children."""
    if spec.stop_limit is BRUTAL_KILL:
        return reason == KILLED
    if isinstance(reason, Shutdown):
        return True
    return reason == NORMAL and spec.restart is not Restart.PERMANENT


def _is_quiet(reason: ExitReason) -> bool:
    return reason == NORMAL or isinstance(reason, Shutdown)
