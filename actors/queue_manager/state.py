"""Who waits for work, and what goes into the next statement; pure.

Nothing here is truth: after a crash the polls that waited are asked again by their routes, and
the queue itself is in the database.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

C = TypeVar("C")
T = TypeVar("T")


@dataclass(slots=True)
class Poll(Generic[C]):
    """One worker waiting for work until `until`, with everyone who asked in its name.

    `controller_url` is where the last look at the queue said that it shall go.
    """

    worker_id: str
    until: float
    callers: list[C] = field(default_factory=list[C])
    tried: bool = False
    controller_url: str | None = None


class WaitingRoom(Generic[C]):
    """The polls that wait; at most one a worker, in order of arrival."""

    def __init__(self) -> None:
        self._polls: dict[str, Poll[C]] = {}
        self.work_may_wait = True

    def __len__(self) -> int:
        """Count the workers that wait."""
        return len(self._polls)

    def enter(self, worker_id: str, until: float, caller: C) -> None:
        """Add a poll; another one of the same worker shares its answer and its later end."""
        poll = self._polls.setdefault(worker_id, Poll(worker_id, until))
        poll.until = max(poll.until, until)
        poll.tried = False
        poll.callers.append(caller)

    def drop(self, is_gone: Callable[[C], bool]) -> None:
        """Forget polls whose callers have all left: they must not be given work."""
        for poll in tuple(self._polls.values()):
            poll.callers = [caller for caller in poll.callers if not is_gone(caller)]
            if not poll.callers:
                del self._polls[poll.worker_id]

    def to_claim(self) -> list[Poll[C]]:
        """Return the polls worth a statement: new ones, or all when work may have come."""
        everyone, self.work_may_wait = self.work_may_wait, False
        chosen = [poll for poll in self._polls.values() if everyone or not poll.tried]
        for poll in chosen:
            poll.tried = True
        return chosen

    def stay(self, worker_id: str, controller_url: str | None) -> None:
        """Have a worker wait on, for it got nothing but where to go."""
        if (poll := self._polls.get(worker_id)) is not None:
            poll.controller_url = controller_url

    def leave(self, worker_id: str) -> list[C]:
        """Take a worker's poll out and return whom to answer."""
        poll = self._polls.pop(worker_id, None)
        return poll.callers if poll is not None else []

    def expired(self, now: float) -> list[Poll[C]]:
        """Take out the polls whose time is over and that have been tried."""
        over = [poll for poll in self._polls.values() if poll.tried and poll.until <= now]
        for poll in over:
            del self._polls[poll.worker_id]
        return over

    def empty(self) -> list[Poll[C]]:
        """Take everyone out."""
        polls = list(self._polls.values())
        self._polls.clear()
        return polls

    def next_end(self) -> float:
        """Return the time at which the first poll ends, infinity when nobody waits."""
        return min((poll.until for poll in self._polls.values()), default=math.inf)


def one_each(items: Iterable[T], key: Callable[[T], Hashable]) -> tuple[list[T], list[T]]:
    """Part items into the first of every key and the rest, which waits for the next statement."""
    seen: set[Hashable] = set()
    first: list[T] = []
    rest: list[T] = []
    for item in items:
        known = key(item) in seen
        seen.add(key(item))
        (rest if known else first).append(item)
    return first, rest
