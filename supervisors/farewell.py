"""What the end of a tree was like: who stopped in which order, how long it took, who was killed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisors.exits import ExitReason

if TYPE_CHECKING:
    from supervisors.process import Process

KEPT = 500
"""So many of the latest stops are kept in a program."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """One child that its supervisor stopped as it ended itself; times are on the trio clock."""

    path: str
    began: float
    ended: float
    reason: ExitReason
    killed: bool

    def __str__(self) -> str:
        killed = ", had to be killed" if self.killed else ""
        return f"{self.path} in {self.ended - self.began:.3f} s ({self.reason}){killed}"


def stopped_of(root: Process) -> list[Stopped]:
    """Return the stops of the last ordered end of a tree, in the order of their ends."""
    began = root.ending_at
    if began is None:
        return []
    return [one for one in root.runtime.stopped if one.began >= began]


def explain_shutdown(root: Process) -> Iterator[str]:
    """Say in words how the tree below `root` ended, one line a child; nothing if it did not."""
    if root.ending_at is None:
        return
    stops = stopped_of(root)
    killed = sum(one.killed for one in stops)
    took = max((one.ended for one in stops), default=root.ending_at) - root.ending_at
    yield f"{len(stops)} children stopped in {took:.3f} s, {killed} of them killed"
    yield from map(str, stops)
