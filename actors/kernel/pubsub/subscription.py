"""One place where the messages of a topic go: the mailbox of an actor, or a reader's buffer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import trio

from actors.kernel.pubsub.topic import Overflow, SubscriberTooSlowError
from supervisors.process import Process

T = TypeVar("T")


class Subscription(ABC, Generic[T]):
    """What the bus knows of a subscriber, which takes messages of type `T`."""

    owner: Process | None = None
    """The process it belongs to and ends with; a stream has none."""
    encode: Callable[[Any], T] | None = None
    """Makes of a topic's message what the subscriber takes."""

    def __init__(self, topic: str, subscriber: str, overflow: Overflow) -> None:
        self.topic = topic
        self.subscriber = subscriber
        self.overflow = overflow
        self.delivered = 0
        self.dropped = 0

    def take(self, message: T) -> bool:
        """Deliver without waiting; False when the message, or an older one, was dropped."""
        fits = self.put(message)
        if fits:
            self.delivered += 1
        else:
            self.dropped += 1
        return fits

    @abstractmethod
    def put(self, message: T) -> bool:
        """Store the message; False when a message was lost by that."""

    def cut_off(self) -> None:
        """Tell the subscriber that its subscription was closed for being slow."""


class MailSubscription(Subscription[T]):
    """Delivers into the mailbox of `owner`, whose capacity is the bound."""

    def __init__(
        self, topic: str, owner: Process, deliver: Callable[[T], bool], overflow: Overflow
    ) -> None:
        super().__init__(topic, owner.path or "root", overflow)
        self.owner = owner
        self._deliver = deliver

    def put(self, message: T) -> bool:
        """Hand the message over, unless the mailbox is full or closed."""
        return self._deliver(message)


class Stream(Subscription[T]):
    """An async iterator over the messages of a topic, for tasks that are no actor.

    For one reader. Messages are lost by `overflow` alone, never by cancelling the reader.
    """

    def __init__(self, topic: str, subscriber: str, overflow: Overflow, capacity: int) -> None:
        super().__init__(topic, subscriber, overflow)
        if capacity < 1:
            raise ValueError("a stream needs room for one message at least")
        self.capacity = capacity
        self._waiting: deque[T] = deque()
        self._news = trio.Event()
        self._too_slow = False

    def __len__(self) -> int:
        """Count the messages that wait to be read."""
        return len(self._waiting)

    def put(self, message: T) -> bool:
        """Buffer the message, or do as `overflow` says."""
        fits = len(self._waiting) < self.capacity
        if not fits and self.overflow is not Overflow.DROP_OLDEST:
            return False
        if not fits:
            self._waiting.popleft()
        self._waiting.append(message)
        self._news.set()
        return fits

    def cut_off(self) -> None:
        """Let the reader have what is buffered, and then the error."""
        self._too_slow = True
        self._news.set()

    def __aiter__(self) -> Stream[T]:
        return self

    async def __anext__(self) -> T:
        """Wait for the next message; `SubscriberTooSlowError` after a cut."""
        await trio.lowlevel.checkpoint()
        while not self._waiting:
            if self._too_slow:
                raise SubscriberTooSlowError(f"{self.subscriber} did not keep up")
            self._news = trio.Event()
            await self._news.wait()
        return self._waiting.popleft()
