"""The queue of one reader: first in, first out, with a way to take only what may jump the queue."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import trio

T = TypeVar("T")


class Inbox(Generic[T]):
    """Unbounded; the reader sleeps until something is put in."""

    __slots__ = ("_reader", "items")

    def __init__(self) -> None:
        self.items: deque[T] | tuple[()] = ()
        self._reader: trio.lowlevel.Task | None = None

    def put(self, item: T) -> None:
        """Append an item and wake the reader."""
        if self.items:
            self.items.append(item)
        else:
            self.items = deque((item,))
        if self._reader is not None:
            reader, self._reader = self._reader, None
            trio.lowlevel.reschedule(reader)

    async def news(self) -> None:
        """Sleep until the next `put`; a checkpoint. For one reader at a time."""
        if not self.items:
            self.items = ()  # an empty deque is large, and most readers sleep most of the time
        self._reader = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._abort)

    def _abort(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._reader = None
        return trio.lowlevel.Abort.SUCCEEDED

    def take(self, wanted: Callable[[T], bool] | None = None) -> T | None:
        """Remove and return the first item, or the first that is wanted; None if there is none."""
        items = self.items
        if not items:
            return None
        if wanted is None:
            return items.popleft()
        for position, item in enumerate(items):
            if wanted(item):
                del items[position]
                return item
        return None
