"""What the pubsub is told, and the topics there are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from actors.kernel.messages import Cast


class PubSub:
    """Marks the protocol of the actor."""


class Topic(StrEnum):
    """What can be announced: a hint to look into the database, never the fact itself."""

    WORK = "work"  # builds may have entered the queue


@dataclass(frozen=True, slots=True)
class Announce(Cast[PubSub]):
    """Tell the other controllers; whoever announces has looked himself."""

    topic: Topic


@dataclass(frozen=True, slots=True)
class Heard(Cast[PubSub]):
    """The listening connection brought a notice; `sender` is the controller that announced."""

    sender: str
    topic: str


@dataclass(frozen=True, slots=True)
class ListenerLost(Cast[PubSub]):
    """The listening connection has ended."""
