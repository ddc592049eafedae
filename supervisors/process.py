"""One life: a trio task with an identity, links, a graceful stop, a kill, and an end as a value.

A process runs in a cancel scope of its own that is shielded from outside (deviation D-09): only
exit signals end it, so that an ordered stop stays ordered whatever is cancelled above. How it
ended is decided by what was asked of it (`shutdown`, `signal`, `kill`), never by the type of the
exception.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from contextvars import ContextVar
from typing import TypeAlias, cast

import trio

from supervisors.errors import NoProcError
from supervisors.exits import (
    KILL,
    KILLED,
    NOPROC,
    NORMAL,
    SHUTDOWN,
    AlreadyStarted,
    Crash,
    ExitReason,
    is_clean,
)
from supervisors.gate import Gate
from supervisors.reports import CrashFacts, crash_report
from supervisors.runtime import Runtime, no_report
from supervisors.spec import Body
from supervisors.system import SystemRequest

__all__ = ["CURRENT", "Process", "Runtime", "no_report"]

CURRENT: ContextVar[Process | None] = ContextVar("process", default=None)
"""The process whose code runs: its own task and all tasks that were started by it."""

Trap: TypeAlias = "Callable[[ExitReason, Process | None], bool]"
Watcher: TypeAlias = "Callable[[Process], None]"


class Process:
    """Identity of one life of one child (a pid); a restarted child is another process."""

    def __init__(
        self, path: str, runtime: Runtime, generation: int = 1, *, parent: Process | None = None
    ) -> None:
        self.path = path
        self.runtime = runtime
        self.generation = generation
        self.parent = parent
        self.initial_call = ""
        self.label: str | None = None
        self.extra: object = None
        self.keepsake: object = None
        """What the body leaves to the next life of the same child."""
        self.because: str | None = None
        """Why it ended, where its exit reason is too short for that."""
        self.ending_at: float | None = None
        """When a supervisor began to stop its children for good."""
        self.orphan_seconds = math.inf
        """How long it may go on once its supervisor has ended without stopping it."""
        self.created_at = trio.current_time()
        self.started_at: float | None = None
        self.handle: object = None
        self.exit: ExitReason | None = None
        self.ignored = False
        self.fatal: BaseException | None = None
        self.task: trio.lowlevel.Task | None = None
        self.names: frozenset[Hashable] = frozenset()
        self.links: dict[Process, None] = {}
        self.facts: Callable[[], CrashFacts] | None = None
        self.system: Callable[[SystemRequest], None] | None = None
        self.waits_for: Process | None = None
        self.deadline = math.inf  # until when whoever asked waits for what is done now
        self._scope = trio.CancelScope(shield=True)
        self._asked: ExitReason | None = None
        self._by_signal = False
        self._on_shutdown: Callable[[ExitReason], None] | None = None
        self._trap: Trap | None = None
        self._on_exit: list[Watcher] = []
        self._watchers: dict[object, Watcher] = {}
        self._up = Gate()
        self._ended = Gate()

    def __repr__(self) -> str:
        return f"<{self.path or 'root'}#{self.generation}>"

    # -- for the body ---------------------------------------------------------------------------

    def started(self, handle: object = None) -> None:
        """Tell the starter that init is over; `handle` is what others use to reach the child."""
        self.handle = handle
        self.started_at = trio.current_time()
        self._up.open()

    def ignore(self) -> None:
        """Decline to run, without error: the body returns right after."""
        self.ignored = True

    def on_shutdown(self, callback: Callable[[ExitReason], None]) -> None:
        """Have `callback` called, once, in place of the cancel, when asked to stop.

        A body that does not ask for this is cancelled at its next checkpoint instead.
        """
        self._on_shutdown = callback
        if self._asked is not None and not self._by_signal:
            callback(self._asked)

    def trap(self, hook: Trap | None) -> None:
        """Have exit signals passed to `hook(reason, sender)`; True means taken as a message."""
        self._trap = hook

    @property
    def traps(self) -> bool:
        """Whether exit signals are looked at before they end the process."""
        return self._trap is not None

    # -- asking it to end -----------------------------------------------------------------------

    def shutdown(self, reason: ExitReason = SHUTDOWN) -> None:
        """Ask the process to stop; returns at once. Asking again changes nothing."""
        if self._asked is not None or self.exit is not None:
            return
        self._asked = reason
        if self._on_shutdown is not None:
            self._on_shutdown(reason)
        else:
            self._by_signal = True
            self._scope.cancel()

    def kill(self) -> None:
        """End the process at its next checkpoint, without `terminate`; cannot be refused."""
        if self.exit is None:
            self._asked = KILLED
            self._by_signal = True
            self._scope.cancel()

    def signal(self, reason: ExitReason, sender: Process | None = None) -> None:
        """Send an exit signal, as OTP's exit/2: `KILL` is absolute, `NORMAL` is ignored."""
        if self.exit is not None:
            return
        if reason == KILL:
            self.kill()
        else:
            self._hear(reason, sender)

    def _hear(self, reason: ExitReason, sender: Process | None) -> None:
        if self._trap is not None and self._trap(reason, sender):
            return
        if sender is not None and sender is self.parent and self._on_shutdown is not None:
            self.shutdown(reason)
        elif (reason != NORMAL or sender is self) and self._asked is not KILLED:
            self._asked = reason
            self._by_signal = True
            self._scope.cancel()

    # -- links, monitors, ends ------------------------------------------------------------------

    def link(self, other: Process) -> None:
        """Tie the two ends together; twice is once.

        With one that has ended, a trapping process hears of `NOPROC`; else `NoProcError`.
        """
        if other is self:
            return
        if other.exit is None:
            self.links[other] = None
            other.links[self] = None
        elif self._trap is None or not self._trap(NOPROC, other):
            raise NoProcError(f"{other.path} has ended")

    def unlink(self, other: Process) -> None:
        """Take the tie away, for both; none is no error."""
        self.links.pop(other, None)
        other.links.pop(self, None)

    def watch(self, key: object, watcher: Watcher) -> None:
        """Have `watcher` called, once, at the end of the process, after its names are free."""
        self._watchers[key] = watcher

    def unwatch(self, key: object) -> None:
        """Call a watcher off."""
        self._watchers.pop(key, None)

    @property
    def watched(self) -> int:
        """How many watch the process."""
        return len(self._watchers)

    def on_exit(self, callback: Watcher) -> None:
        """Call `callback` when the process ends, before any watcher; at once if it has.

        The place to give back what others could want at once: names, entries, mailboxes.
        """
        if self.exit is not None:
            callback(self)
        else:
            self._on_exit.append(callback)

    @property
    def ancestors(self) -> tuple[Process, ...]:
        """Who started the process, who started that one, and so on."""
        chain: list[Process] = []
        above = self.parent
        while above is not None:
            chain.append(above)
            above = above.parent
        return tuple(chain)

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended yet (it may still be starting)."""
        return self.exit is None

    @property
    def is_doomed(self) -> bool:
        """Whether the process was killed and has not ended yet."""
        return self.exit is None and self._asked is KILLED

    @property
    def is_cut(self) -> bool:
        """Whether a signal ends the process at its next checkpoint."""
        return self._by_signal

    async def up(self) -> None:
        """Wait until the process has started, declined or ended."""
        await self._up.passed()

    async def join(self) -> ExitReason:
        """Wait for the end and return its reason."""
        await self._ended.passed()
        return self.exit or NORMAL

    # -- the life -------------------------------------------------------------------------------

    async def run(self, body: Body) -> None:
        """Run `body` to its end; an ordinary exception never leaves, so no sibling is cancelled."""
        ended: ExitReason | None = None
        self.task = trio.lowlevel.current_task()
        self.runtime.processes[self] = None
        CURRENT.set(self)
        with self._scope:
            try:
                ended = await body(self)
            except StartRefusedError as refusal:
                ended = refusal.reason
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
            return
        self._by_signal = self._by_signal and ended is None
        self.exit = ended or self._asked or NORMAL

    def _announce(self) -> None:
        """Give back, then tell everyone, without a checkpoint between (D-14)."""
        reason = self.exit or NORMAL
        self._report(reason)
        self.runtime.processes.pop(self, None)
        callbacks, self._on_exit = self._on_exit, []
        for callback in callbacks:
            callback(self)
        self.runtime.names.release(self)
        watchers, self._watchers = self._watchers, {}
        for watcher in watchers.values():
            watcher(self)
        links, self.links = self.links, {}
        for other in links:
            other.links.pop(self, None)
            if other.exit is None and self.fatal is None and not self._is_told(other, reason):
                other._hear(reason, self)  # noqa: SLF001 - the same class
                if other.parent is self:
                    other._be_orphaned()  # noqa: SLF001 - the same class
        self._up.open()
        self._ended.open()

    def _be_orphaned(self) -> None:
        """Limit the time that nobody above limits any more."""
        if self.orphan_seconds < math.inf and self.exit is None and not self._by_signal:
            self.runtime.home().start_soon(self._die_in, self.orphan_seconds)

    async def _die_in(self, seconds: float) -> None:
        with trio.move_on_after(seconds):
            await self.join()
        self.kill()

    def _is_told(self, other: Process, reason: ExitReason) -> bool:
        """Whether `other` learns of the failed start as its result, and by no signal (OTP-026)."""
        started_by = self.started_at is None and other is self.parent
        return started_by and (other.traps or isinstance(reason, AlreadyStarted))

    def _report(self, reason: ExitReason) -> None:
        """Write the crash report of an end that was the doing of the process itself."""
        own = not self._by_signal and self.started_at is not None and self.fatal is None
        if own and not is_clean(reason):
            self.runtime.report(crash_report(self, reason))


class StartRefusedError(Exception):
    """Raised in init: the process will not run, for `reason`; no crash of its own."""

    def __init__(self, reason: ExitReason) -> None:
        super().__init__(str(reason))
        self.reason = reason


def _split(error: BaseException) -> tuple[BaseException | None, BaseException | None]:
    """Part an exception into what is trio's cancellation and what is a crash."""
    if isinstance(error, trio.Cancelled):
        return error, None
    if isinstance(error, BaseExceptionGroup):
        return cast("BaseExceptionGroup[BaseException]", error).split(trio.Cancelled)
    return None, error


def is_own_crash(error: BaseException) -> bool:
    """Whether an exception is a bug of the process: no cancel of it, and no end of the program.

    So is a cancel of asyncio that leaked into it.
    """
    cancelled, crash = _split(error)
    return cancelled is None and crash is not None and _fatal(crash) is None


def _fatal(crash: BaseException) -> BaseException | None:
    """Find what ends the program (Ctrl-C, exit) in a crash, however deep in groups."""
    if isinstance(crash, BaseExceptionGroup):
        leaves = cast("BaseExceptionGroup[BaseException]", crash).exceptions
        return next(filter(None, map(_fatal, leaves)), None)
    return crash if isinstance(crash, KeyboardInterrupt | SystemExit) else None
