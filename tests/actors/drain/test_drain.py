"""The drain: silent while the program runs, and the first to act when it stops."""

from __future__ import annotations

import trio

from actors.drain.actor import drain_spec
from actors.kernel.actor import Actor, actor_spec
from actors.kernel.messages import NO_REPLY, Caller
from actors.kernel.ref import Ref
from actors.queue_manager.messages import QueueManager, StopGranting
from supervisors.events import ChildShutdownFailed
from supervisors.supervisor import supervisor
from tests.support.tree import grown, virtual_time


class FakeManager(Actor[QueueManager]):
    """Notes what it is told; deaf ones never answer."""

    def __init__(self, ref: Ref[QueueManager], told: list[object], *, deaf: bool) -> None:
        super().__init__(ref)
        self._told = told
        self._deaf = deaf

    async def handle_call(self, message: object, caller: Caller[object]) -> object:
        """Note a message."""
        del caller
        self._told.append(message)
        return NO_REPLY if self._deaf else None


@virtual_time
async def test_at_the_stop_nothing_more_is_granted() -> None:
    """Readiness says no before the queue manager is told, and both before anything else stops."""
    ref = Ref[QueueManager]("queue_manager")
    told: list[object] = []
    manager = actor_spec("queue_manager", lambda: FakeManager(ref, told, deaf=False))
    spec = supervisor("root", [manager, drain_spec(ref, told.append)])
    async with grown(spec) as tree:
        assert told == [False]
    assert told == [False, True, StopGranting()]
    assert not tree.reports.of(ChildShutdownFailed)


@virtual_time
async def test_a_queue_manager_that_does_not_answer_is_not_waited_for_long() -> None:
    """The stop goes on after the drain's own limit."""
    ref = Ref[QueueManager]("queue_manager")
    told: list[object] = []
    manager = actor_spec("queue_manager", lambda: FakeManager(ref, told, deaf=True))
    spec = supervisor("root", [manager, drain_spec(ref, told.append, seconds=3)])
    async with grown(spec) as tree:
        began = trio.current_time()
    assert trio.current_time() - began == 3
    assert told[-1] == StopGranting()
    assert not tree.reports.of(ChildShutdownFailed)


@virtual_time
async def test_without_a_queue_manager_the_stop_goes_on() -> None:
    """It may be dead at that moment."""
    told: list[object] = []
    async with grown(
        supervisor("root", [drain_spec(Ref[QueueManager]("nobody"), told.append)])
    ) as tree:
        pass
    assert told == [False, True]
    assert not tree.reports.of(ChildShutdownFailed)
