"""The drain: a child that does nothing until the stop, and then has no more work given out.

It is the last to start, so it is the first to stop: polls that wait are answered, readiness says
no, and only then does the endpoint below stop listening and let its requests end. Builds outlive
the controller, so nobody waits for them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import trio

from actors.kernel.errors import CallExitError, CallTimeoutError
from actors.kernel.ref import Ref
from actors.queue_manager.messages import QueueManager, StopGranting
from supervisors.errors import NoProcError
from supervisors.exits import SHUTDOWN, ExitReason
from supervisors.process import Process
from supervisors.spec import ChildSpec


def drain_spec(
    queue_manager: Ref[QueueManager],
    on_draining: Callable[[bool], None],
    *,
    seconds: float = 2.0,
) -> ChildSpec:
    """Child spec; `on_draining` is told False at start and True at the stop."""

    async def body(process: Process) -> ExitReason:
        asked = trio.Event()
        process.on_shutdown(lambda _: asked.set())
        on_draining(False)  # noqa: FBT003 - the one fact it takes
        process.started()
        await asked.wait()
        on_draining(True)  # noqa: FBT003 - as above
        with suppress(NoProcError, CallExitError, CallTimeoutError):
            await queue_manager.call(StopGranting(), timeout=seconds)
        return SHUTDOWN

    return ChildSpec(id="drain", start=body, shutdown=seconds + 1.0)
