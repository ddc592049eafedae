"""A task supervisor in a tree, beside processes that ask it for tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from actors.kernel.tasks.supervisor import TaskSupervisor
from supervisors.process import Process
from tests.support.inside import insiders
from tests.support.tree import Boom


class Office:
    """The supervisor, who asks, and what is reported."""

    def __init__(self, **options: Any) -> None:
        self.reports: list[Any] = []
        self.tasks = TaskSupervisor(self.reports.append, **options)
        self.tree: Any = None
        self.owner: Any = None
        self.other: Any = None

    def living(self) -> list[Process]:
        """Return the processes of the tasks."""
        assert self.tasks.door.current is not None
        return [slot.alive for slot in self.tasks.door.current.slots() if slot.alive]


@asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[Office]:
    """Run an office."""
    office = Office(**options)
    async with insiders("owner", "other", beside=(office.tasks.spec(),)) as found:
        office.tree, office.owner, office.other = found
        yield office


async def give(value: Any, seconds: float = 0.0) -> Any:
    """Take a while, then return the value."""
    await trio.sleep(seconds)
    return value


async def fail(seconds: float = 0.0) -> None:
    """Take a while, then raise."""
    await trio.sleep(seconds)
    raise Boom("task")


async def deaf(seconds: float) -> str:
    """Listen to no cancellation for so long."""
    with trio.CancelScope(shield=True):
        await trio.sleep(seconds)
    return "deaf"
