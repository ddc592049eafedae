"""What a registry refuses."""

from __future__ import annotations

from supervisors.errors import AlreadyStartedError, SupervisorError
from supervisors.process import Process


class AlreadyRegisteredError(AlreadyStartedError):
    """A living process, `holder`, has this unique key."""

    def __init__(self, name: str, holder: Process) -> None:
        super().__init__(name, holder)
        self.args = (f"{name} is held by {holder.path or 'root'}",)


class NotOwnerError(SupervisorError):
    """Only the process that holds a key may change its value."""


class WrongKeysError(SupervisorError):
    """The operation is for unique keys and the registry has duplicate ones."""
