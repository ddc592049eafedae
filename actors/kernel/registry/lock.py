"""One holder at a time per key."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio


@dataclass(slots=True)
class _Queue:
    lock: trio.StrictFIFOLock = field(default_factory=trio.StrictFIFOLock)
    users: int = 0


class KeyLocks:
    """Locks by key, kept only while somebody holds them or waits."""

    def __init__(self) -> None:
        self._queues: dict[Hashable, _Queue] = {}

    def __len__(self) -> int:
        """Count the keys that are held."""
        return len(self._queues)

    @asynccontextmanager
    async def hold(self, key: Hashable) -> AsyncGenerator[None]:
        """Be alone with `key`, first come first served; however the holder ends, it is freed."""
        queue = self._queues.setdefault(key, _Queue())
        queue.users += 1
        try:
            async with queue.lock:
                yield
        finally:
            queue.users -= 1
            if not queue.users:
                del self._queues[key]
