"""A bounded mailbox; what must not be lost (stop, exits, ends, timers) fits always."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal, TypeAlias, cast

import trio

from actors.kernel.errors import MailboxFullError
from actors.kernel.messages import Caller, Cast
from supervisors.errors import NoProcError
from supervisors.exits import ExitReason
from supervisors.inbox import Inbox
from supervisors.process import Process
from supervisors.system import SystemRequest

Via: TypeAlias = Literal["call", "cast", "info"]


class Envelope:
    """A message on its way; `sent_at` is on the trio clock, `caller` is set for calls."""

    __slots__ = ("caller", "message", "sent_at", "via")

    def __init__(
        self, message: object, caller: Caller[object] | None, sent_at: float, via: Via
    ) -> None:
        self.message = message
        self.caller = caller
        self.sent_at = sent_at
        self.via: Via = via


class StopRequest:
    """The parent wants the actor to stop; in line behind what was sent before."""

    __slots__ = ("reason",)

    def __init__(self, reason: ExitReason) -> None:
        self.reason = reason

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StopRequest) and other.reason == self.reason

    def __hash__(self) -> int:
        return hash(self.reason)


class Notice:
    """Something for `handle_info` that the runtime sends: an end, an exit, a timer."""

    __slots__ = ("message",)

    def __init__(self, message: object) -> None:
        self.message = message


Item: TypeAlias = Envelope | Notice | StopRequest | SystemRequest


class Mailbox:
    """First in, first out; refuses, or drops if the message says so, when `capacity` wait."""

    __slots__ = (
        "_closed",
        "_inbox",
        "_room",
        "_waiting",
        "capacity",
        "dropped",
        "owner",
        "peak",
        "refused",
    )

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.owner: Process | None = None
        self.peak = 0
        self.refused = 0
        self.dropped = 0
        self._waiting = 0
        self._inbox: Inbox[Item] = Inbox()
        self._room: trio.lowlevel.ParkingLot | None = None
        self._closed = False

    @property
    def is_closed(self) -> bool:
        """Whether nothing is accepted any more."""
        return self._closed

    @property
    def is_empty(self) -> bool:
        """Whether there is no item of any kind."""
        return not self._inbox.items

    def __len__(self) -> int:
        """Count the messages that wait."""
        return self._waiting

    def oldest_age(self) -> float:
        """How long the first waiting message has waited, in seconds."""
        for item in self._inbox.items:
            if isinstance(item, Envelope):
                return trio.current_time() - item.sent_at
        return 0.0

    def waiting(self, most: int) -> list[object]:
        """Return the first messages that wait, for a report."""
        some: list[object] = []
        for item in self._inbox.items:
            if len(some) >= most:
                break
            if isinstance(item, Envelope | Notice):
                some.append(item.message)
        return some

    # -- putting in -----------------------------------------------------------------------------

    def put(self, message: object, caller: Caller[object] | None = None, via: Via = "cast") -> None:
        """Append a message; `NoProcError` when closed.

        When full, `MailboxFullError`, unless the kind of message has another policy.
        """
        if self._closed:
            raise NoProcError("the actor has ended")
        if self._waiting >= self.capacity and not self._is_let_in(message, caller):
            return
        self._waiting += 1
        if self._waiting > self.peak:  # noqa: PLR1730 - a call costs as much as the rest
            self.peak = self._waiting
        self._inbox.put(Envelope(message, caller, trio.current_time(), via))

    def _is_let_in(self, message: object, caller: Caller[object] | None) -> bool:
        """Apply the policy of a message to a full mailbox; True when there is a place now."""
        policy = message.when_full if isinstance(message, Cast) and caller is None else "refuse"
        kind = type(cast("object", message))
        if policy == "drop_newest":
            self.dropped += 1
            return False
        if policy == "drop_oldest":
            oldest = self._inbox.take(lambda item: type(item) is Envelope and _is(item, kind))
            if oldest is not None:
                self._waiting -= 1
                self.dropped += 1
                return True
        self.refused += 1
        raise MailboxFullError(f"{self.capacity} messages are waiting")

    async def put_when_room(self, message: object, caller: Caller[object] | None = None) -> None:
        """Append a message, waiting for room: backpressure for producers outside the tree."""
        await trio.lowlevel.checkpoint()
        while not self._closed and self._waiting >= self.capacity:
            self._room = self._room or trio.lowlevel.ParkingLot()
            await self._room.park()
        self.put(message, caller)  # no checkpoint before: whoever was given room uses it

    def put_stop(self, reason: ExitReason) -> None:
        """Append a stop request; never refused."""
        if not self._closed:
            self._inbox.put(StopRequest(reason))

    def put_notice(self, message: object) -> None:
        """Append what the runtime has to tell; never refused."""
        if not self._closed:
            self._inbox.put(Notice(message))

    def put_system(self, request: SystemRequest) -> None:
        """Append a system request; refused when closed."""
        if self._closed:
            request.refuse()
        else:
            self._inbox.put(request)

    # -- taking out -----------------------------------------------------------------------------

    async def get(self) -> Item:
        """Wait for the next item; a checkpoint always."""
        await trio.lowlevel.checkpoint()
        while True:
            item = self.get_nowait()
            if item is not None:
                return item
            await self._inbox.news()

    def news(self) -> Awaitable[None]:
        """Sleep until something more arrives."""
        return self._inbox.news()

    def get_nowait(self, wanted: Callable[[Item], bool] | None = None) -> Item | None:
        """Return the next item, or the next that is wanted, if there is one."""
        items = self._inbox.items  # the usual case is spared a call
        item = self._inbox.take(wanted) if wanted else items.popleft() if items else None
        if type(item) is Envelope:
            self._waiting -= 1
            if self._room:
                self._room.unpark()
        return item

    def drop(self, unwanted: Callable[[Item], bool]) -> None:
        """Remove all items of a kind."""
        while self.get_nowait(unwanted) is not None:
            pass

    def close(self) -> list[Envelope]:
        """Accept nothing more; return what was never handled."""
        self._closed = True
        left: list[Envelope] = []
        while (item := self.get_nowait()) is not None:
            if isinstance(item, Envelope):
                left.append(item)
            elif isinstance(item, SystemRequest):
                item.refuse()
        if self._room is not None:
            self._room.unpark_all()
        return left


def _is(item: Envelope, kind: type[object]) -> bool:
    return item.caller is None and type(item.message) is kind


def jumps_the_queue(item: Item) -> bool:
    """Whether a suspended actor serves the item."""
    return isinstance(item, StopRequest | SystemRequest)
