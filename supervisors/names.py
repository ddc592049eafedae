"""Local names: one living process each, free again before anyone hears of its end."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from supervisors.errors import AlreadyNamedError, AlreadyStartedError, NoProcError, NotFoundError

if TYPE_CHECKING:
    from supervisors.process import Process


class Names:
    """The names of one runtime."""

    def __init__(self) -> None:
        self._holders: dict[Hashable, Process] = {}

    def __len__(self) -> int:
        """Count the names that are taken."""
        return len(self._holders)

    def register(self, name: Hashable, process: Process) -> None:
        """Give `name` to a living process, which may have one only, as in OTP.

        `AlreadyStartedError` while somebody holds it; `AlreadyNamedError` if `process` has one.
        """
        if not process.is_alive:
            raise NoProcError(f"{process.path} has ended")
        holder = self._holders.get(name)
        if holder is not None:
            raise AlreadyStartedError(str(name), holder)
        if process.names:
            raise AlreadyNamedError(f"{process.path} has another local name")
        self._holders[name] = process
        process.names = frozenset((name,))

    def unregister(self, name: Hashable) -> None:
        """Free a name, whoever holds it; `NotFoundError` when nobody does."""
        holder = self._holders.pop(name, None)
        if holder is None:
            raise NotFoundError(f"nobody is registered as {name!r}")
        holder.names = frozenset()

    def whereis(self, name: Hashable) -> Process | None:
        """Return the holder of a name."""
        return self._holders.get(name)

    def release(self, process: Process) -> None:
        """Free all names of a process."""
        for name in process.names:
            del self._holders[name]
        process.names = frozenset()
