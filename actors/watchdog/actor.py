"""`watchdog`: beats on the loop, reports its stalls, and gives the service manager its signs.

It lives and dies with the tree: when the tree is dead there are no signs, and the manager ends
what is left of the program. Dies here: a stall that happens until the next life.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog
import trio

from actors.domain.events import LoopStalled
from actors.watchdog.notify import ALIVE, Notifier
from actors.watchdog.pulse import BEAT_SECONDS, Pulse, Stall, Watch
from supervisors.process import Process
from supervisors.spec import ChildSpec

log = structlog.get_logger()


def watchdog_spec(
    pulse: Pulse, emit: Callable[[object], None], notifier: Notifier | None = None
) -> ChildSpec:
    """Child that beats ten times a second for as long as it lives."""
    to = notifier or Notifier()

    async def body(process: Process) -> None:
        pulse.begin()
        watch = Watch(pulse, _stuck)
        try:
            process.started()
            await _beat(pulse, emit, to)
        finally:
            watch.end()

    return ChildSpec(id="watchdog", start=body)


async def _beat(pulse: Pulse, emit: Callable[[object], None], to: Notifier) -> None:
    sign_at = trio.current_time()
    while True:
        await trio.sleep(BEAT_SECONDS)
        stall = pulse.beat()
        if stall is not None:
            emit(LoopStalled(round(stall.seconds * 1000), stall.stack))
        if to.watchdog_seconds and trio.current_time() >= sign_at:
            to.tell(ALIVE)
            sign_at = trio.current_time() + to.watchdog_seconds / 3


def _stuck(stall: Stall) -> None:
    """Say it from the thread: the loop may never come to it."""
    log.error("loop.stuck", milliseconds=round(stall.seconds * 1000), stack=stall.stack)
