"""A queue manager under a supervisor, on a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar

import pytest
import trio

from actors.kernel.messages import Call
from actors.kernel.ref import Ref
from actors.queue_manager.actor import queue_manager_spec
from actors.queue_manager.messages import QueueManager, RequestWork, Submit
from actors.store.queue import ClaimAnswer
from tests.actors.store.farm import submission
from tests.support.grown_actor import GrownActor, grown_actor
from tests.support.later import Later
from tests.support.watched_database import Events, Outlet

R = TypeVar("R")
HOLD = 30.0
"""A hold that no test waits to the end of."""
RARELY = 60.0
"""So seldom does the actor look by itself that what woke a poll was something else."""


class Office:
    """The actor, its name, its events, and calls in the background."""

    def __init__(self, outlet: Outlet, nursery: trio.Nursery) -> None:
        self.outlet = outlet
        self.db = outlet.db
        self.ref = Ref[QueueManager]("queue_manager")
        self.events = Events()
        self.actor: GrownActor
        self._nursery = nursery

    def later(self, message: Call[QueueManager, R], repetition: object = None) -> Later[R]:
        """Call in the background, again when the actor dies under it."""
        return Later(
            self._nursery,
            lambda: self.ref.call_again(
                message, timeout=HOLD, patience=HOLD, repetition=repetition
            ),
        )

    def once(self, message: Call[QueueManager, R]) -> Later[R]:
        """Call in the background, once."""
        return Later(self._nursery, lambda: self.ref.call(message, timeout=HOLD))

    async def submit(self, platform: str = "ios") -> str:
        """Submit a build through the actor; its id."""
        return (await self.ref.call(Submit(submission(platform)))).id

    async def ask(self, worker_id: str, hold: float = 0.0) -> ClaimAnswer:
        """Ask for work through the actor."""
        return await self.ref.call(RequestWork(worker_id, hold), timeout=HOLD)


@pytest.fixture
async def office(outlet: Outlet, look_again: float) -> AsyncIterator[Office]:
    """Run a queue manager for one test."""
    async with trio.open_nursery() as nursery:
        made = Office(outlet, nursery)
        spec = queue_manager_spec(made.ref, made.db, made.events, look_again=look_again)
        async with grown_actor(spec) as made.actor:
            yield made
        nursery.cancel_scope.cancel()


@pytest.fixture
def look_again() -> float:
    """How often the actor looks by itself; tests replace it by parametrizing."""
    return RARELY
