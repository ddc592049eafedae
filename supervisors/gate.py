"""A one-way door for those who wait: an event that costs next to nothing while nobody does."""

from __future__ import annotations

import trio


class Gate:
    """Opens once; the event behind it is made by the first who has to wait."""

    __slots__ = ("_event", "is_open")

    def __init__(self) -> None:
        self.is_open = False
        self._event: trio.Event | None = None

    def open(self) -> None:
        """Let everyone pass, now and from now on."""
        self.is_open = True
        event, self._event = self._event, None
        if event is not None:
            event.set()

    async def passed(self) -> None:
        """Wait until the gate is open; a checkpoint."""
        if self.is_open:
            await trio.lowlevel.checkpoint()
            return
        if self._event is None:
            self._event = trio.Event()
        await self._event.wait()
