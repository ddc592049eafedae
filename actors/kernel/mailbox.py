"""A bounded mailbox on a trio memory channel; stop requests always fit and wait their turn."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import trio

from actors.kernel.errors import MailboxFullError
from actors.kernel.messages import Caller
from supervisors.errors import NoProcError
from supervisors.exits import ExitReason


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message on its way; `sent_at` is on the trio clock, `caller` is set for calls."""

    message: object
    caller: Caller[object] | None
    sent_at: float


@dataclass(frozen=True, slots=True)
class StopRequest:
    """The supervisor wants the actor to stop; in line behind what was sent before."""

    reason: ExitReason


class Mailbox:
    """First in, first out; refuses (never waits, never drops) when `capacity` messages wait."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.peak = 0
        self.refused = 0
        self._waiting: deque[float] = deque()
        self._send, self._receive = trio.open_memory_channel[Envelope | StopRequest](math.inf)
        self._room = trio.lowlevel.ParkingLot()
        self._closed = False

    def __len__(self) -> int:
        """Count the messages that wait."""
        return len(self._waiting)

    def oldest_age(self) -> float:
        """How long the first waiting message has waited, in seconds."""
        return trio.current_time() - self._waiting[0] if self._waiting else 0.0

    def put(self, message: object, caller: Caller[object] | None = None) -> None:
        """Append a message; `NoProcError` when closed, `MailboxFullError` when full."""
        if self._closed:
            raise NoProcError("the actor has ended")
        if len(self._waiting) >= self.capacity:
            self.refused += 1
            raise MailboxFullError(f"{self.capacity} messages are waiting")
        now = trio.current_time()
        self._waiting.append(now)
        self.peak = max(self.peak, len(self._waiting))
        self._send.send_nowait(Envelope(message, caller, now))

    async def put_when_room(self, message: object, caller: Caller[object] | None = None) -> None:
        """Append a message, waiting for room: backpressure for producers outside the tree."""
        await trio.lowlevel.checkpoint()
        while not self._closed and len(self._waiting) >= self.capacity:
            await self._room.park()
        self.put(message, caller)  # no checkpoint before: whoever was given room uses it

    def put_stop(self, reason: ExitReason) -> None:
        """Append a stop request; never refused."""
        if not self._closed:
            self._send.send_nowait(StopRequest(reason))

    async def get(self) -> Envelope | StopRequest:
        """Wait for the next item; a checkpoint always."""
        return self._took(await self._receive.receive())

    def get_nowait(self) -> Envelope | StopRequest | None:
        """Return the next item if there is one."""
        try:
            return self._took(self._receive.receive_nowait())
        except trio.WouldBlock:
            return None

    def close(self) -> list[Envelope]:
        """Accept nothing more; return what was never handled."""
        self._closed = True
        left: list[Envelope] = []
        while (item := self.get_nowait()) is not None:
            if isinstance(item, Envelope):
                left.append(item)
        self._room.unpark_all()
        self._send.close()
        self._receive.close()
        return left

    def _took(self, item: Envelope | StopRequest) -> Envelope | StopRequest:
        if isinstance(item, Envelope):
            self._waiting.popleft()
            self._room.unpark()
        return item
