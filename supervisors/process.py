"""One running child: a trio task with an identity, a graceful stop, a kill, and an end as a value.

A process runs in a cancel scope of its own that is shielded from outside (deviation D-09): only
its supervisor ends it, so that an ordered stop stays ordered whatever is cancelled above. How it
ended is decided by what was asked of it (`shutdown`, `kill`), never by the type of the exception.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import trio

from supervisors.events import Report
from supervisors.exits import KILLED, NORMAL, SHUTDOWN, Crash, ExitReason
from supervisors.spec import Body


def no_report(_event: object) -> None:
    """Drop every event; for trees that nobody watches."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """What all processes of one tree share."""

    report: Report = no_report
    abort: Callable[[BaseException], None] | None = None
    """Takes a KeyboardInterrupt or SystemExit: stop the tree in order, then raise it."""


class Process:
    """Handle of one life of one child; a restarted child is another process."""

    def __init__(self, path: str, runtime: Runtime, generation: int = 1) -> None:
        self.path = path
        self.runtime = runtime
        self.generation = generation
        self.created_at = trio.current_time()
        self.started_at: float | None = None
        self.handle: object = None
        self.exit: ExitReason | None = None
        self.ignored = False
        self.fatal: BaseException | None = None
        self.task: trio.lowlevel.Task | None = None
        self._scope = trio.CancelScope(shield=True)
        self._asked: ExitReason | None = None
        self._on_shutdown: Callable[[ExitReason], None] | None = None
        self._on_exit: list[Callable[[Process], None]] = []
        self._up = trio.Event()
        self._ended = trio.Event()

    # -- for the body ---------------------------------------------------------------------------

    def started(self, handle: object = None) -> None:
        """Tell the starter that init is over; `handle` is what others use to reach the child."""
        self.handle = handle
        self.started_at = trio.current_time()
        self._up.set()

    def ignore(self) -> None:
        """Decline to run, without error: the body returns right after."""
        self.ignored = True

    def on_shutdown(self, callback: Callable[[ExitReason], None]) -> None:
        """Have `callback` called, once, in place of the cancel, when asked to stop.

        A body that does not ask for this is cancelled at its next checkpoint instead.
        """
        self._on_shutdown = callback
        if self._asked is not None and self._asked is not KILLED:
            callback(self._asked)

    # -- for the supervisor ---------------------------------------------------------------------

    def shutdown(self, reason: ExitReason = SHUTDOWN) -> None:
        """Ask the process to stop; returns at once. Asking again changes nothing."""
        if self._asked is not None or self.exit is not None:
            return
        self._asked = reason
        if self._on_shutdown is not None:
            self._on_shutdown(reason)
        else:
            self._scope.cancel()

    def kill(self) -> None:
        """End the process at its next checkpoint, without `terminate`; cannot be refused."""
        if self.exit is None:
            self._asked = KILLED
            self._scope.cancel()

    def on_exit(self, callback: Callable[[Process], None]) -> None:
        """Call `callback` when the process ends; at once if it has."""
        if self.exit is not None:
            callback(self)
        else:
            self._on_exit.append(callback)

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended yet (it may still be starting)."""
        return self.exit is None

    async def up(self) -> None:
        """Wait until the process has started, declined or ended."""
        await self._up.wait()

    async def join(self) -> ExitReason:
        """Wait for the end and return its reason."""
        await self._ended.wait()
        return self.exit or NORMAL

    async def run(self, body: Body) -> None:
        """Run `body` to its end; an ordinary exception never leaves, so no sibling is cancelled."""
        ended: ExitReason | None = None
        self.task = trio.lowlevel.current_task()
        with self._scope:
            try:
                ended = await body(self)
            except BaseException as error:  # noqa: BLE001 - the one classifier of ends (P-07)
                cancelled, crash = _split(error)
                if crash is not None:
                    ended = Crash(crash)
                    self.fatal = _fatal(crash)
                if cancelled is not None:
                    raise cancelled from None
            finally:
                self._conclude(ended)
        self._announce()
        if self.fatal is None:
            return
        if self.runtime.abort is None:
            raise self.fatal
        self.runtime.abort(self.fatal)

    def _conclude(self, ended: ExitReason | None) -> None:
        if self._asked is KILLED:
            self.exit = KILLED
        else:
            self.exit = ended or self._asked or NORMAL

    def _announce(self) -> None:
        """Tell everyone, without a checkpoint between (D-14)."""
        callbacks, self._on_exit = self._on_exit, []
        for callback in callbacks:
            callback(self)
        self._up.set()
        self._ended.set()


def _split(error: BaseException) -> tuple[BaseException | None, BaseException | None]:
    """Part an exception into what is trio's cancellation and what is a crash."""
    if isinstance(error, trio.Cancelled):
        return error, None
    if isinstance(error, BaseExceptionGroup):
        return cast("BaseExceptionGroup[BaseException]", error).split(trio.Cancelled)
    return None, error


def _fatal(crash: BaseException) -> BaseException | None:
    """Find what ends the program (Ctrl-C, exit) in a crash, however deep in groups."""
    if isinstance(crash, BaseExceptionGroup):
        leaves = cast("BaseExceptionGroup[BaseException]", crash).exceptions
        return next(filter(None, map(_fatal, leaves)), None)
    return crash if isinstance(crash, KeyboardInterrupt | SystemExit) else None
