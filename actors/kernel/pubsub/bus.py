"""The bus: every message of a topic goes, once and at once, to everybody subscribed just then.

No store, no replay, no backpressure: a broadcast never waits. Whoever needs the state reads it
after subscribing, so that what happens between is seen twice rather than never.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar

from actors.kernel.own import Owners, current_process
from actors.kernel.pubsub.subscription import MailSubscription, Stream, Subscription
from actors.kernel.pubsub.topic import Dropped, Overflow, Topic
from supervisors.process import Process

M = TypeVar("M")
T = TypeVar("T")

Bridge: TypeAlias = Callable[[str, object], object]
"""Takes topic name and message of a broadcast to the other nodes; must not wait."""

STREAM_CAPACITY = 256


class PubSub:
    """The topics of one node; `report` is told of each message that a slow subscriber missed."""

    def __init__(self, report: Callable[[object], object] | None = None) -> None:
        self.dropped = 0
        self._report = report
        self._topics: dict[str, dict[Subscription[Any], None]] = {}
        self._mine: dict[Process, dict[Subscription[Any], None]] = {}
        self._bridges: dict[str, Bridge] = {}
        self._owners = Owners(self._forget)

    # -- subscribing ----------------------------------------------------------------------------

    def subscribe(
        self,
        topic: Topic[M],
        deliver: Callable[[M], bool],
        overflow: Overflow = Overflow.DROP_NEWEST,
    ) -> Subscription[M]:
        """Have the calling process get every message from now on; it ends with the process.

        `deliver` must not wait: it is `info` or `cast` of the process's own handle, whose mailbox
        is the bound, and whose False means no room. The oldest message of a mailbox cannot give
        way. Subscribing twice means two copies.
        """
        if overflow is Overflow.DROP_OLDEST:
            raise ValueError("a mailbox does not drop its oldest message")
        own = current_process()
        subscription = MailSubscription(topic.name, own, deliver, overflow)
        self._add(subscription)
        self._mine.setdefault(own, {})[subscription] = None
        self._owners.watch(own)
        return subscription

    def unsubscribe(self, topic: Topic[Any]) -> int:
        """End all subscriptions of the calling process to `topic`; return how many there were."""
        mine = [one for one in self._mine.get(current_process(), ()) if one.topic == topic.name]
        for subscription in mine:
            self._remove(subscription)
        return len(mine)

    @contextmanager
    def stream(
        self,
        topic: Topic[M],
        *,
        capacity: int = STREAM_CAPACITY,
        overflow: Overflow = Overflow.CLOSE,
        subscriber: str = "stream",
    ) -> Generator[Stream[M]]:
        """Subscribe for as long as the block runs, in any task; iterate over what it gives."""
        with self._opened(Stream[M](topic.name, subscriber, overflow, capacity)) as stream:
            yield stream

    @contextmanager
    def encoded(
        self,
        topic: Topic[M],
        encode: Callable[[M], T],
        *,
        capacity: int = STREAM_CAPACITY,
        overflow: Overflow = Overflow.CLOSE,
        subscriber: str = "stream",
    ) -> Generator[Stream[T]]:
        """As `stream`, of encoded messages: once a broadcast for all who share that function."""
        opened = Stream[T](topic.name, subscriber, overflow, capacity)
        opened.encode = encode
        with self._opened(opened) as stream:
            yield stream

    @contextmanager
    def _opened(self, stream: Stream[T]) -> Generator[Stream[T]]:
        self._add(stream)
        try:
            yield stream
        finally:
            self._remove(stream)

    def subscribers(self, topic: Topic[Any]) -> list[Subscription[Any]]:
        """Return the subscriptions of a topic, in the order of their coming."""
        return list(self._topics.get(topic.name, ()))

    # -- sending --------------------------------------------------------------------------------

    def broadcast(self, topic: Topic[M], message: M) -> int:
        """Send to all subscribers here and elsewhere; count those here who lost nothing by it."""
        self._send_abroad(topic.name, message)
        return self._send(topic.name, message, None)

    def broadcast_from(self, topic: Topic[M], message: M) -> int:
        """As `broadcast`, but the calling process does not get it."""
        own = current_process()
        self._send_abroad(topic.name, message)
        return self._send(topic.name, message, own)

    def local_broadcast(self, topic: Topic[M], message: M) -> int:
        """Send to the subscribers here only: what a bridge does with what it receives."""
        return self._send(topic.name, message, None)

    def add_bridge(self, name: str, bridge: Bridge) -> Callable[[], object]:
        """Have `bridge` take every broadcast to other nodes; returns the way to stop it."""
        if name in self._bridges:
            raise KeyError(name)
        self._bridges[name] = bridge
        return lambda: self._bridges.pop(name, None)

    def _send_abroad(self, topic: str, message: object) -> None:
        for bridge in tuple(self._bridges.values()):
            bridge(topic, message)

    def _send(self, topic: str, message: object, but: Process | None) -> int:
        got = 0
        encoded: dict[Callable[[Any], object], object] = {}
        for subscription in tuple(self._topics.get(topic, ())):
            if but is not None and subscription.owner is but:
                continue
            encode = subscription.encode
            if encode is not None and encode not in encoded:
                encoded[encode] = encode(message)
            if subscription.take(message if encode is None else encoded[encode]):
                got += 1
            else:
                self._overflowed(subscription)
        return got

    def _overflowed(self, subscription: Subscription[Any]) -> None:
        self.dropped += 1
        closed = subscription.overflow is Overflow.CLOSE
        if closed:
            self._remove(subscription)
            subscription.cut_off()
        if self._report is not None:
            missed = subscription.dropped
            self._report(Dropped(subscription.topic, subscription.subscriber, missed, closed))

    # -- coming and going -----------------------------------------------------------------------

    def _add(self, subscription: Subscription[Any]) -> None:
        self._topics.setdefault(subscription.topic, {})[subscription] = None

    def _remove(self, subscription: Subscription[Any]) -> None:
        """Take a subscription out, if it is still there; what is empty is not kept."""
        _drop(self._topics, subscription.topic, subscription)
        if subscription.owner is not None:
            _drop(self._mine, subscription.owner, subscription)

    def _forget(self, process: Process) -> None:
        for subscription in tuple(self._mine.get(process, ())):
            self._remove(subscription)


def _drop(view: dict[T, dict[Subscription[Any], None]], key: T, one: Subscription[Any]) -> None:
    found = view.get(key, {})
    found.pop(one, None)
    if not found:
        view.pop(key, None)
