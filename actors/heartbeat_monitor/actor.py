"""The heartbeat monitor: sweeps every few seconds for builds whose workers fell silent.

Dies here: the memory of how long we have listened, so that the next generation waits a whole
silence before it takes anything back. Nobody calls it; its only message is the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import trio

from actors.domain.errors import UnavailableError
from actors.domain.events import BuildLost
from actors.heartbeat_monitor.state import Listening, Rules
from actors.kernel.actor import Actor, actor_spec
from actors.kernel.ref import Ref
from actors.queue_manager.messages import QueueManager, WorkMayWait
from actors.store import queue
from actors.store.database import Database
from supervisors.spec import ChildSpec


class HeartbeatMonitor:
    """Marks the protocol of the actor."""


class HeartbeatMonitorActor(Actor[HeartbeatMonitor]):
    """Owns the sweep."""

    def __init__(
        self,
        ref: Ref[HeartbeatMonitor],
        db: Database,
        rules: Rules,
        queue_manager: Ref[QueueManager],
        emit: Callable[[object], None],
    ) -> None:
        super().__init__(ref)
        self._db = db
        self._rules = rules
        self._queue_manager = queue_manager
        self._emit = emit
        self._lost = 0
        self._listening = Listening(trio.current_time(), trio.current_time())

    def describe(self) -> Mapping[str, object]:
        """Facts for the tree: for how long it has listened, what it took back."""
        listened = trio.current_time() - self._listening.since
        return {**super().describe(), "listening": f"{listened:.0f}s", "lost": self._lost}

    async def init(self) -> None:
        """Plan the first sweep."""
        self.wake_at = trio.current_time() + self._rules.sweep

    async def handle_idle(self) -> None:
        """Sweep when it is time."""
        now = trio.current_time()
        if now < self.wake_at:
            return
        self.wake_at = now + self._rules.sweep
        try:
            await self._sweep(self._listening.look(now, self._rules.sweep))
        except UnavailableError:
            self._listening.interrupted(trio.current_time())

    async def _sweep(self, listening: float) -> None:
        """Take lost builds back; the statement itself holds the guards."""
        lost = await queue.lose(
            self._db,
            silent=self._rules.silent,
            first_sign=self._rules.first_sign,
            max_attempts=self._rules.max_attempts,
            listening=listening,
        )
        self._lost += len(lost)
        for build in lost:
            self._emit(BuildLost(build.build_id, build.worker_id, build.attempt, build.requeued))
        if lost:
            self._queue_manager.cast(WorkMayWait())


def heartbeat_monitor_spec(
    db: Database,
    rules: Rules,
    queue_manager: Ref[QueueManager],
    emit: Callable[[object], None],
) -> ChildSpec:
    """Child spec of the monitor; every controller runs one, they do not disturb each other."""
    ref = Ref[HeartbeatMonitor]("heartbeat_monitor")
    return actor_spec(ref.name, lambda: HeartbeatMonitorActor(ref, db, rules, queue_manager, emit))
