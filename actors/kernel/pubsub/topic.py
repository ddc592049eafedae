"""What is subscribed to, and what becomes of a subscriber that is too slow."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

M = TypeVar("M")


@dataclass(frozen=True)  # no slots: `Topic[int]("x")` cannot be made with them before 3.12
class Topic(Generic[M]):
    """The name of a topic whose messages are of type `M`."""

    name: str


class Overflow(Enum):
    """What happens to a message for a subscriber that has no room; each is counted."""

    DROP_NEWEST = "drop_newest"
    """This one does not get this message."""
    DROP_OLDEST = "drop_oldest"
    """What has waited longest gives way: for readers to whom only the latest matters."""
    CLOSE = "close"
    """The subscription ends: for readers who must see all or know that they do not."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A subscriber of `topic` missed a message, its `count`-th; `closed` when it was cut off."""

    topic: str
    subscriber: str
    count: int
    closed: bool


class SubscriberTooSlowError(Exception):
    """The subscription was closed since its reader did not keep up; read the state anew."""
