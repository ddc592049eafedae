"""What can go wrong between a client and a controller, by who can do something about it."""

from __future__ import annotations

SERVER_FAULT = 500
TOO_MANY = 429
_TAKEN_AWAY = frozenset({403, 404, 409})


class ApiError(Exception):
    """The controller answered with an error; the text is its own."""

    def __init__(
        self, status: int, text: str, retry_after: float | None = None, *, cancelled: bool = False
    ) -> None:
        super().__init__(f"{status} {text}")
        self.status = status
        self.text = text
        self.retry_after = retry_after
        self.cancelled = cancelled

    @property
    def is_passing(self) -> bool:
        """Whether the same request may be answered otherwise in a moment."""
        return self.status >= SERVER_FAULT or self.status == TOO_MANY

    @property
    def is_taken_away(self) -> bool:
        """Whether a write of a worker was refused because the build is not its own any more."""
        return self.cancelled or self.status in _TAKEN_AWAY


class ControllerUnreachableError(Exception):
    """No answer, or none that can be understood; whether the request took effect is unknown."""
