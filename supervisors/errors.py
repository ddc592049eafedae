"""What can be wrong with a call of a supervisor; each class says whose fault it is."""

from __future__ import annotations

from supervisors.exits import NOPROC, ExitReason


class SupervisorError(Exception):
    """Base of everything this package raises on purpose."""


class SpecError(SupervisorError):
    """A child spec or supervisor flag is wrong; nothing was started."""

    def __init__(self, field: str, value: object, why: str) -> None:
        super().__init__(f"{field}={value!r}: {why}")
        self.field = field
        self.value = value


class StartError(SupervisorError):
    """A child could not start; `reason` is its own, `path` tells which child."""

    def __init__(self, path: str, reason: ExitReason) -> None:
        super().__init__(f"{path or 'root'} failed to start ({reason})")
        self.path = path
        self.reason = reason


class AlreadyStartedError(SupervisorError):
    """A living process has this id or name already: `holder`."""

    def __init__(self, child_id: object, holder: object) -> None:
        super().__init__(f"{child_id!r} is already running")
        self.holder = holder


class AlreadyNamedError(SupervisorError):
    """The process has a local name already; a registry gives as many as are wanted."""


class AlreadyPresentError(SupervisorError):
    """A child with this id is known but not running: restart or delete it."""


class NotFoundError(SupervisorError):
    """The supervisor has no such child."""


class ChildRunningError(SupervisorError):
    """The child runs; terminate it first."""


class ChildRestartingError(SupervisorError):
    """The child waits for its next start attempt; terminate it first."""


class MaxChildrenError(SupervisorError):
    """A dynamic supervisor is full; try again when a child has ended."""


class DeadlockError(SupervisorError):
    """The process asked waits, at the end of a chain, for whoever asks; nothing was sent."""


class NoProcError(SupervisorError):
    """The process asked is gone (and may be back under the same name in a moment)."""

    reason: ExitReason = NOPROC
