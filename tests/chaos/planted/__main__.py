"""The controller with a planted bug: `python -m tests.chaos.planted BUG start …`."""

from __future__ import annotations

import math
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from actors.queue_manager import actor as queue_manager
from actors.store import queue
from actors.store.database import Database
from actors.store.queue import Submission, Submitted
from controller.cli import main

_FENCE = "and (b.worker_id <> a.worker_id or a.lease <> b.lease) then 'not_yours'"


def lost_wake_up() -> None:
    """Tell nobody who waits that builds came into the queue; nobody looks by itself either."""
    plain = queue_manager.QueueManagerActor
    begin = plain.__init__

    def init(self: Any, *args: Any, look_again: float) -> None:
        del look_again
        begin(self, *args, look_again=math.inf)

    plain.__init__ = init
    plain._work_entered = lambda _: None


def doubled_retry() -> None:
    """Make another build of a submission that is sent again."""
    plain: Callable[..., Awaitable[list[Submitted]]] = queue.submit

    async def submit(db: Database, submissions: Sequence[Submission]) -> list[Submitted]:
        return await plain(db, [replace(one, submit_key=one.id) for one in submissions])

    queue.submit = submit


def late_settlement() -> None:
    """Apply a report to the build, whoever holds it by now."""
    settle = queue._SQL["settle"]
    assert _FENCE in settle
    queue._SQL = {**queue._SQL, "settle": settle.replace(_FENCE, "and false then 'not_yours'")}


BUGS = {bug.__name__: bug for bug in (lost_wake_up, doubled_retry, late_settlement)}

if __name__ == "__main__":
    BUGS[sys.argv.pop(1)]()
    main()
