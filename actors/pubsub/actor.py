"""The pubsub: LISTEN and NOTIFY of PostgreSQL, as an actor that owns the listening connection.

What arrives is a hint to look again, and so is every new connection, because notices sent in
between are lost. Dies here: notices of a moment; whoever waits for them looks by itself every
second anyway.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

import trio

from actors.domain.errors import UnavailableError
from actors.domain.events import ListenerFound, ListenerLost
from actors.kernel.actor import Actor, actor_spec
from actors.kernel.messages import Cast
from actors.kernel.ref import Ref
from actors.pubsub import messages
from actors.pubsub.listener import CHANNEL, Listener
from actors.pubsub.messages import Announce, Heard, PubSub, Topic
from actors.pubsub.state import Outbox
from actors.store.database import ConnectOptions, Database
from actors.store.failures import OUTAGES
from supervisors.exits import ExitReason
from supervisors.spec import ChildSpec

GAP_SECONDS = 0.005
"""Between two announcements of one controller."""
CHECK_SECONDS = 10.0
"""How often the connection is asked whether it lives."""
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0

Subscribers = Mapping[Topic, Callable[[], object]]


class PubSubActor(Actor[PubSub]):
    """Owns the listening connection and what waits to be announced."""

    def __init__(
        self,
        ref: Ref[PubSub],
        node: str,
        db: Database,
        options: ConnectOptions,
        subscribers: Subscribers,
        emit: Callable[[object], None],
    ) -> None:
        super().__init__(ref)
        self._node = node
        self._db = db
        self._options = options
        self._subscribers = subscribers
        self._emit = emit
        self._outbox = Outbox(GAP_SECONDS)
        self._listener: Listener | None = None
        self._next_try = 0.0
        self._next_check = 0.0
        self._pause = _FIRST_PAUSE
        self._opened_at = 0.0
        self._was_up = False

    def describe(self) -> Mapping[str, object]:
        """Facts for the tree: whether it listens."""
        return {**super().describe(), "listening": self._listener is not None}

    async def init(self) -> None:
        """Plan the first connection."""
        self.resources.callback(self._close)
        self.wake_at = trio.current_time()

    async def handle_cast(self, message: Cast[PubSub]) -> None:
        """Announce, pass on what was heard, or note the loss of the connection."""
        match message:
            case Announce(topic=topic):
                self._outbox.put(topic)
            case Heard(sender=sender, topic=topic):
                if sender != self._node:
                    self._point_to(topic)
            case messages.ListenerLost():
                self._lose()
            case _:
                await super().handle_cast(message)

    async def handle_idle(self) -> None:
        """Connect, announce and check, each when it is time."""
        if self._listener is None and trio.current_time() >= self._next_try:
            await self._connect()
        if topics := self._outbox.take(trio.current_time()):
            await self._send(topics)
        if self._listener is not None and trio.current_time() >= self._next_check:
            await self._check(self._listener)
        upkeep = self._next_try if self._listener is None else self._next_check
        self.wake_at = min(upkeep, self._outbox.due_at())

    async def terminate(self, reason: ExitReason) -> None:
        """Send what waits."""
        del reason
        if self._outbox.waiting:
            await self._send(sorted(self._outbox.waiting))

    # -- the connection -------------------------------------------------------------------------

    async def _connect(self) -> None:
        try:
            self._listener = await Listener.open(
                self._options, self._notice, lambda: self.ref.cast(messages.ListenerLost())
            )
        except OUTAGES:
            self._try_later()
            return
        self._opened_at = trio.current_time()
        self._next_check = trio.current_time() + CHECK_SECONDS
        if self._was_up:
            self._emit(ListenerFound())
        self._was_up = True
        for topic in self._subscribers:
            self._point_to(topic)

    async def _check(self, listener: Listener) -> None:
        self._next_check = trio.current_time() + CHECK_SECONDS
        if not await listener.is_alive():
            self._lose()

    def _notice(self, payload: str) -> None:
        """Take a notice, on the asyncio side of the same thread."""
        sender, _, topic = payload.partition(" ")
        self.ref.cast(Heard(sender, topic))

    def _lose(self) -> None:
        if self._listener is not None:
            self._close()
            if trio.current_time() - self._opened_at > CHECK_SECONDS:
                self._pause = 0.0  # it was a good one
            self._try_later()
            self._emit(ListenerLost())

    def _try_later(self) -> None:
        """Plan the next try; one that is lost at once (a pooler refuses) is no reason to hurry."""
        wait = self._pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        self._next_try = trio.current_time() + wait
        self._pause = min(max(self._pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)

    def _close(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    # -- what is said ---------------------------------------------------------------------------

    def _point_to(self, topic: str) -> None:
        for known, look in self._subscribers.items():
            if known == topic:
                look()

    async def _send(self, topics: list[Topic]) -> None:
        try:
            for topic in topics:
                await self._db.execute("select pg_notify($1, $2)", CHANNEL, f"{self._node} {topic}")
        except UnavailableError:
            return  # the others look by themselves


def pubsub_spec(
    ref: Ref[PubSub],
    node: str,
    db: Database,
    options: ConnectOptions,
    subscribers: Subscribers,
    emit: Callable[[object], None],
) -> ChildSpec:
    """Child spec; `subscribers` are called when another controller announces their topic."""
    return actor_spec(ref.name, lambda: PubSubActor(ref, node, db, options, subscribers, emit))
