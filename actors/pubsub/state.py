"""When an announcement goes out: at once, and then not again for a moment; pure.

A NOTIFY takes a lock of the whole database at commit, so that many of them would queue up; one
a moment says as much as a hundred, because what it says is only "look".
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from actors.pubsub.messages import Topic


@dataclass(slots=True)
class Outbox:
    """Topics that wait to be announced; times are seconds on any clock that only grows."""

    gap: float
    waiting: set[Topic] = field(default_factory=set[Topic])
    next_at: float = -math.inf

    def put(self, topic: Topic) -> None:
        """Add a topic; one that waits already says the same."""
        self.waiting.add(topic)

    def take(self, now: float) -> list[Topic]:
        """Return what goes out at `now`, nothing while the last time was a moment ago."""
        if not self.waiting or now < self.next_at:
            return []
        topics, self.waiting = sorted(self.waiting), set()
        self.next_at = now + self.gap
        return topics

    def due_at(self) -> float:
        """Return when `take` has something to give, infinity when nothing waits."""
        return self.next_at if self.waiting else math.inf
