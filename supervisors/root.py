"""Run a whole tree: the root process, and what an outside cancel or Ctrl-C does to it."""

from __future__ import annotations

from dataclasses import replace

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
    goes on. A `KeyboardInterrupt` or `SystemExit`, here or in any child, does the same.
    """
    root = _Root(runtime, stop_seconds)
    try:
        await root.run(spec, task_status)
    finally:
        if root.fatal is not None:
            raise root.fatal
    reason = root.process.exit or SHUTDOWN
    if root.process.started_at is None:
        raise _start_error(reason)
    return reason


class _Root:
    """The root process, and the one order to stop it."""

    def __init__(self, runtime: Runtime, stop_seconds: float) -> None:
        self.process = Process("", replace(runtime, abort=self._abort))
        self.fatal: BaseException | None = None
        self._reaper = trio.CancelScope(shield=True)
        self._stop_seconds = stop_seconds
        self._signal = trio.CancelScope()

    async def run(self, spec: ChildSpec, task_status: trio.TaskStatus[Process]) -> None:
        async with trio.open_nursery() as nursery:
            with trio.CancelScope(shield=True):
                async with trio.open_nursery() as tree:
                    self.process.runtime = replace(self.process.runtime, nursery=tree)
                    tree.start_soon(self.process.run, spec.start, name="root")
                    nursery.start_soon(self._stop_on_cancel, tree)
                    try:
                        await self.process.up()
                        if self.process.started_at is not None:
                            task_status.started(self.process)
                        await self.process.join()
                    except (KeyboardInterrupt, SystemExit) as error:
                        self._abort(error)
                    nursery.start_soon(self._reap)
            self._signal.cancel()
            self._reaper.cancel()

    def _abort(self, error: BaseException) -> None:
        self.fatal = self.fatal or error
        self._signal.cancel()

    async def _stop_on_cancel(self, tree: trio.Nursery) -> None:
        """Turn a cancel from outside into an ordered stop, then into a kill."""
        try:
            with self._signal:
                await trio.sleep_forever()
        finally:
            if self.process.is_alive:
                tree.start_soon(self._stop)

    async def _stop(self) -> None:
        self.process.shutdown(SHUTDOWN)
        with trio.move_on_after(self._stop_seconds, shield=True):
            await self.process.join()
        self.process.runtime.kill_all()

    async def _reap(self) -> None:
        """Give orphans, whose supervisor was killed, the time of a stop, then kill them."""
        with self._reaper:
            await trio.sleep(self._stop_seconds)
            self.process.runtime.kill_all()


def _start_error(reason: ExitReason) -> StartError:
    path = ""
    while isinstance(reason, Shutdown) and isinstance(reason.detail, FailedToStart):
        path, reason = reason.detail.path, reason.detail.reason
    return StartError(path, reason)
