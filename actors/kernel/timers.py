"""Messages that are sent later."""

from __future__ import annotations

from collections.abc import Callable

import trio


class Timer:
    """One message on its way; fires once, or is cancelled."""

    def __init__(self, seconds: float, fire: Callable[[], None], holder: dict[Timer, None]) -> None:
        self._due = trio.current_time() + seconds
        self._fire = fire
        self._holder = holder
        self._scope = trio.CancelScope()
        holder[self] = None

    async def run(self) -> None:
        """Wait, then fire; for the runtime."""
        with self._scope:
            await trio.sleep_until(self._due)
        if self in self._holder:
            del self._holder[self]
            self._fire()

    def cancel(self) -> float | None:
        """Call it off; return the seconds that were left, None when it has fired or was off."""
        if self not in self._holder:
            return None
        del self._holder[self]
        self._scope.cancel()
        return max(0.0, self._due - trio.current_time())
