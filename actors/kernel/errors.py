"""How a message to an actor can fail; each says what is known about its effect."""

from __future__ import annotations

from supervisors.errors import NoProcError
from supervisors.exits import ExitReason


class CallTimeoutError(Exception):
    """No reply in time; the actor may still do it, so repeat only what is idempotent."""

    def __init__(self, target: str, request: object, seconds: float) -> None:
        super().__init__(f"{target} did not answer {type(request).__name__} in {seconds:g} s")


class CallExitError(Exception):
    """The actor ended before it replied; `reason` is its exit. The effect is unknown."""

    def __init__(self, target: str, request: object, reason: ExitReason) -> None:
        super().__init__(f"{target} ended during {type(request).__name__} ({reason})")
        self.reason = reason


class MailboxFullError(Exception):
    """The mailbox is full; the message was not accepted."""


class UnhandledMessageError(Exception):
    """An actor got a message it has no handler for: a bug of whoever sent it."""


__all__ = [
    "CallExitError",
    "CallTimeoutError",
    "MailboxFullError",
    "NoProcError",
    "UnhandledMessageError",
]
