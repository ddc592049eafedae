"""Run a whole tree: the root process, and what an outside cancel does to it."""

from __future__ import annotations

import trio

from supervisors.errors import StartError
from supervisors.exits import SHUTDOWN, ExitReason, FailedToStart, Shutdown
from supervisors.process import Process, Runtime
from supervisors.spec import ChildSpec


async def run_tree(
    spec: ChildSpec,
    runtime: Runtime,
    *,
    stop_seconds: float = 60.0,
    task_status: trio.TaskStatus[Process] = trio.TASK_STATUS_IGNORED,
) -> ExitReason:
    """Run the supervisor `spec` as the root of a tree and return how it ended.

    Started when all static children are up; `StartError` when one was not. An outside cancel
    begins an ordered stop that may take `stop_seconds`, then everything is killed and the cancel
    goes on.
    """
    process = Process("", runtime)
    async with trio.open_nursery() as nursery:
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as tree:
                tree.start_soon(process.run, spec.start, name="root")
                nursery.start_soon(_stop_on_cancel, process, tree, stop_seconds)
                await process.up()
                if process.started_at is not None:
                    task_status.started(process)
                await process.join()
        nursery.cancel_scope.cancel()
    reason = process.exit or SHUTDOWN
    if process.started_at is None:
        raise _start_error(reason)
    return reason


async def _stop_on_cancel(process: Process, tree: trio.Nursery, seconds: float) -> None:
    """Turn a cancel from outside into an ordered stop, then into a kill."""
    try:
        await trio.sleep_forever()
    finally:
        if process.is_alive:
            tree.start_soon(_stop, process, seconds)


async def _stop(process: Process, seconds: float) -> None:
    process.shutdown(SHUTDOWN)
    if process.started_at is None:
        process.kill()  # nobody waits for a slow init when told to stop
    with trio.move_on_after(seconds):
        await process.join()
    process.kill()


def _start_error(reason: ExitReason) -> StartError:
    path = ""
    while isinstance(reason, Shutdown) and isinstance(reason.detail, FailedToStart):
        path, reason = reason.detail.path, reason.detail.reason
    return StartError(path, reason)
