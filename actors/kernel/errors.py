"""How a message to an actor can fail; each says what is known about its effect.

All of a call carry `reason`, `target` and `request`: enough to find the call by its log line.
"""

from __future__ import annotations

from supervisors.errors import NoProcError
from supervisors.exits import TIMEOUT, ExitReason, Failed


class CallTimeoutError(Exception):
    """No reply in time; the actor may still do it, so repeat only what is idempotent."""

    reason = TIMEOUT

    def __init__(self, target: str, request: object, seconds: float) -> None:
        super().__init__(f"{target} did not answer {type(request).__name__} in {seconds:g} s")
        self.target = target
        self.request = request


class CallExitError(Exception):
    """The actor ended before it replied; `reason` is its exit. The effect is unknown."""

    def __init__(self, target: str, request: object, reason: ExitReason) -> None:
        super().__init__(f"{target} ended during {type(request).__name__} ({reason})")
        self.target = target
        self.request = request
        self.reason = reason


class CallNoProcError(NoProcError):
    """The call was not sent: nobody is there."""

    def __init__(self, target: str, request: object) -> None:
        super().__init__(f"{target} is not running")
        self.target = target
        self.request = request


class CallingSelfError(Exception):
    """An actor called, or tried to stop, itself: it would wait for ever."""

    reason = Failed("calling_self")

    def __init__(self, target: str, request: object) -> None:
        super().__init__(f"{target} calls itself ({type(request).__name__})")
        self.target = target
        self.request = request


class CallCycleError(Exception):
    """The call would close a circle of actors that wait for each other; nothing was sent."""

    reason = Failed("deadlock")

    def __init__(self, target: str, request: object, circle: list[str]) -> None:
        super().__init__(f"calls in a circle: {' -> '.join(circle)}")
        self.target = target
        self.request = request
        self.circle = circle


class MailboxFullError(Exception):
    """The mailbox is full; the message was not accepted."""


class UnhandledMessageError(Exception):
    """An actor got a message it has no handler for: a bug of whoever sent it."""


class BadReturnError(Exception):
    """A handler returned what has no meaning: `NotImplemented`, or a value nobody takes."""


__all__ = [
    "BadReturnError",
    "CallCycleError",
    "CallExitError",
    "CallNoProcError",
    "CallTimeoutError",
    "CallingSelfError",
    "MailboxFullError",
    "NoProcError",
    "UnhandledMessageError",
]
