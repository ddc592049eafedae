"""How a process ended, as a value: what restart rules, monitors and reports speak of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, cast


@dataclass(frozen=True, slots=True)
class Normal:
    """The process had nothing more to do."""

    def __str__(self) -> str:
        return "normal"


@dataclass(frozen=True, slots=True)
class Shutdown:
    """The process was asked to stop, and did; `detail` says why when that matters."""

    detail: object = None

    def __str__(self) -> str:
        return "shutdown" if self.detail is None else f"shutdown: {self.detail}"


@dataclass(frozen=True, slots=True)
class Killed:
    """The process was cancelled without grace; its `terminate` did not run."""

    def __str__(self) -> str:
        return "killed"


@dataclass(frozen=True, slots=True)
class Kill:
    """The signal that nobody can refuse; as a word that came by a link it is like any other."""

    def __str__(self) -> str:
        return "kill"


@dataclass(frozen=True, slots=True)
class Failed:
    """The process ended for an abnormal reason that is no exception; `detail` names it."""

    detail: object

    def __str__(self) -> str:
        return f"failed: {self.detail}"


@dataclass(frozen=True, slots=True)
class AlreadyStarted:
    """A start found its name held; `holder` is the living process."""

    holder: object

    def __str__(self) -> str:
        return "the name is held by a living process"


@dataclass(frozen=True, slots=True)
class Crash:
    """An exception that nobody expected came out of the process (a group is kept whole)."""

    exception: BaseException

    @property
    def primary(self) -> BaseException:
        """The first leaf of a group, for lines that have room for one name."""
        leaf = self.exception
        while isinstance(leaf, BaseExceptionGroup):
            leaf = cast("BaseExceptionGroup[BaseException]", leaf).exceptions[0]
        return leaf

    def __str__(self) -> str:
        primary = self.primary
        return f"crash: {type(primary).__name__}: {primary}"


@dataclass(frozen=True, slots=True)
class NoProc:
    """There is no such process (any more)."""

    def __str__(self) -> str:
        return "no such process"


@dataclass(frozen=True, slots=True)
class FailedToStart:
    """Detail of the shutdown of a supervisor whose child `path` could not start."""

    path: str
    reason: ExitReason

    def __str__(self) -> str:
        return f"{self.path} failed to start ({self.reason})"


ExitReason: TypeAlias = Normal | Shutdown | Killed | Kill | Failed | AlreadyStarted | Crash | NoProc

NORMAL = Normal()
SHUTDOWN = Shutdown()
KILL = Kill()
KILLED = Killed()
NOPROC = NoProc()
TIMEOUT = Failed("timeout")


def is_clean(reason: ExitReason) -> bool:
    """Tell a clean end (normal, shutdown, shutdown with a detail) from an abnormal one."""
    return isinstance(reason, Normal | Shutdown)


def root_cause(reason: ExitReason) -> ExitReason:
    """Follow `FailedToStart` details down to the child that really failed."""
    while isinstance(reason, Shutdown) and isinstance(reason.detail, FailedToStart):
        reason = reason.detail.reason
    return reason
