"""The membership: this node's row in the list of nodes, kept fresh.

The list is for people: no work depends on it, because any controller may do anything at any time
and the statements themselves hold the guards. Dies here: a few seconds of freshness.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from actors.domain.errors import UnavailableError
from actors.domain.events import NodeVanished
from actors.kernel.actor import Actor, actor_spec
from actors.kernel.ref import Ref
from actors.store import nodes
from actors.store.database import Database
from actors.store.nodes import Identity
from supervisors.exits import ExitReason
from supervisors.spec import ChildSpec

FRESH_SECONDS = 5.0
"""How often a node says that it lives."""
VANISHED_SECONDS = 30.0
"""A node that said nothing for so long was killed."""
_GOODBYE_SECONDS = 2.0


class Membership:
    """Marks the protocol of the actor."""


class MembershipActor(Actor[Membership]):
    """Owns this node's row."""

    def __init__(
        self, ref: Ref[Membership], db: Database, who: Identity, emit: Callable[[object], None]
    ) -> None:
        super().__init__(ref)
        self._db = db
        self._who = who
        self._emit = emit

    async def init(self) -> None:
        """Plan the first sign."""
        self.wake_at = trio.current_time()

    async def handle_idle(self) -> None:
        """Say that this node lives, and drop those that do not."""
        if trio.current_time() < self.wake_at:
            return
        self.wake_at = trio.current_time() + FRESH_SECONDS
        try:
            await nodes.seen(self._db, self._who)
            for node_id in await nodes.forget_silent(self._db, VANISHED_SECONDS):
                self._emit(NodeVanished(node_id))
        except UnavailableError:
            return  # the next sign follows soon

    async def terminate(self, reason: ExitReason) -> None:
        """Say goodbye."""
        del reason
        with trio.move_on_after(_GOODBYE_SECONDS):
            try:
                await nodes.leave(self._db, self._who.id)
            except UnavailableError:
                return  # the others notice


def membership_spec(db: Database, who: Identity, emit: Callable[[object], None]) -> ChildSpec:
    """Child spec of the membership."""
    ref = Ref[Membership]("membership")
    return actor_spec(ref.name, lambda: MembershipActor(ref, db, who, emit))
