"""What a program has told lately, and who watches it now; outlives every life of the endpoint.

Events arrive as they happen; a watcher that is slow misses the oldest and is told how many. The
tree is not sent as events but compared, so that a slow watcher sees fewer pictures, never old ones.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from actors.domain.events import ClaimRan, RequestServed
from actors.kernel.pubsub.bus import PubSub
from actors.kernel.pubsub.subscription import Stream
from actors.kernel.pubsub.topic import Overflow, Topic
from actors.telemetry.lines import name_of
from api.debug.plain import Plain, plain

KEPT = 200
BUFFERED = 256
WATCHERS = 32
_FREQUENT = (RequestServed, ClaimRan)


@dataclass(frozen=True, slots=True)
class Told:
    """An event with the time it came, in seconds since the epoch; `event` None is the end."""

    at: float
    event: object

    def shape(self) -> dict[str, Plain]:
        """Return it as JSON."""
        return {"at": self.at, "name": name_of(self.event), "fields": plain(self.event)}


_TOLD = Topic[Told]("debug.told")
_ALL = Topic[Told]("debug.all")


class TooManyWatchersError(Exception):
    """As many watch as may."""


class Window:
    """One for a program; `note` is a handler of its telemetry."""

    def __init__(self, *, actions: str = "local") -> None:
        self.actions = actions
        self.recent: deque[Told] = deque(maxlen=KEPT)
        self.closing = False
        self._bus = PubSub()
        self._watching = 0

    def note(self, event: object) -> None:
        """Keep an event for whoever comes, unless it is a frequent one, and pass it on."""
        frequent = isinstance(event, _FREQUENT)
        if frequent and not self._watching:
            return
        told = Told(time.time(), event)
        if not frequent:
            self.recent.append(told)
        if self._watching:
            self._pass_on(told, frequent=frequent)

    def _pass_on(self, told: Told, *, frequent: bool) -> None:
        self._bus.local_broadcast(_ALL, told)
        if not frequent:
            self._bus.local_broadcast(_TOLD, told)

    @contextmanager
    def watch(self, *, everything: bool = False) -> Generator[Stream[Told]]:
        """Get events from now on, frequent ones if wanted; `TooManyWatchersError` when full."""
        if self._watching >= WATCHERS:
            raise TooManyWatchersError(f"{WATCHERS} watch already")
        self._watching += 1
        try:
            with self._bus.stream(
                _ALL if everything else _TOLD,
                capacity=BUFFERED,
                overflow=Overflow.DROP_OLDEST,
                subscriber="debug",
            ) as stream:
                yield stream
        finally:
            self._watching -= 1

    @property
    def watching(self) -> int:
        """How many watch."""
        return self._watching

    def open(self) -> None:
        """Let watchers in."""
        self.closing = False

    def close(self) -> None:
        """Have every watcher end: the endpoint is about to stop."""
        self.closing = True
        self._pass_on(Told(time.time(), None), frequent=False)


def is_frequent(event: object) -> bool:
    """Whether an event comes with every request, and is shown only when asked for."""
    return isinstance(event, _FREQUENT)
