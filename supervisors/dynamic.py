"""The dynamic supervisor: children on demand, found by their process, stopped in parallel."""

from __future__ import annotations

import math

import trio

from supervisors.decide import Verdict, decide, is_reported
from supervisors.errors import MaxChildrenError, NoProcError, NotFoundError, SpecError
from supervisors.events import ChildTerminated
from supervisors.exits import ExitReason
from supervisors.loop import Retry, SupervisorLoop
from supervisors.process import Process
from supervisors.slot import Slot
from supervisors.spec import Budget, ChildKind, ChildSpec, Restart, Stop, Strategy


class DynamicSupervisor(SupervisorLoop):
    """one_for_one over children that come and go; none at boot, none come back with it."""

    strategy = Strategy.ONE_FOR_ONE

    def __init__(self, budget: Budget, max_children: float = math.inf) -> None:
        super().__init__(budget)
        self.max_children = max_children
        self._children: dict[int, Slot] = {}

    def slots(self) -> list[Slot]:
        """Return the children in the order of their start."""
        return list(self._children.values())

    async def boot(self) -> None:
        """Start nothing: children come by `start_child`."""

    async def stop_children(self) -> None:
        """Stop all children at once, each within its own limit."""
        async with trio.open_nursery() as nursery:
            for slot in self.slots():
                nursery.start_soon(self.stop, slot)
        self._children.clear()

    async def child_ended(self, slot: Slot, reason: ExitReason) -> bool:
        """Restart by the matrix; a child that is not restarted is forgotten."""
        spec = slot.spec
        if is_reported(spec.restart, reason):
            path = self.child_path(spec.id)
            self.report(ChildTerminated(path, reason, spec.restart, slot.generation))
        if decide(spec.restart, reason) is Verdict.RESTART:
            return await self._restart(slot, f"it ended ({reason})")
        del self._children[id(slot)]
        return True

    async def retry(self, slot: Slot) -> bool:
        """Try a restart again whose start failed."""
        return await self._restart(slot, f"its start failed ({slot.last_exit})")

    async def _restart(self, slot: Slot, why: str) -> bool:
        if not self.spend(slot):
            await self.stop_children()
            return False
        if await self.start(slot, why=why) is not None:
            slot.restarting = True
            self.post(Retry(slot))
        elif slot.process is None:
            del self._children[id(slot)]  # it declined
        return True

    async def start_child(self, spec: ChildSpec) -> Process | None:
        """Start a child and wait for its init; None when it declined.

        Raises `MaxChildrenError` or `StartError`; nothing is kept then.
        """

        async def operation() -> Process | None:
            if len(self._children) >= self.max_children:
                raise MaxChildrenError(f"all {self.max_children} places are taken")
            slot = Slot(spec)
            reason = await self.start(slot)
            if reason is not None:
                raise self.start_error(slot, reason)
            if slot.process is not None:
                self._children[id(slot)] = slot
            return slot.process

        return await self.request(operation)

    async def terminate_child(self, process: Process) -> None:
        """Stop the child by its shutdown rule and forget it; a pending restart is called off."""

        async def operation() -> None:
            for key, slot in self._children.items():
                if slot.known is process:
                    await self.stop(slot)
                    del self._children[key]
                    return
            raise NotFoundError("no such child")

        await self.request(operation)


class Door:
    """Name-bound way to a dynamic supervisor: reaches whichever generation is alive."""

    def __init__(self) -> None:
        self.current: DynamicSupervisor | None = None

    async def start_child(self, spec: ChildSpec) -> Process | None:
        """As `DynamicSupervisor.start_child`; `NoProcError` while there is none."""
        if self.current is None:
            raise NoProcError("the supervisor is not running")
        return await self.current.start_child(spec)

    def count(self) -> int:
        """How many children there are now."""
        return len(self.current.slots()) if self.current is not None else 0


def dynamic_supervisor(
    child_id: str,
    *,
    door: Door | None = None,
    budget: Budget | None = None,
    max_children: float = math.inf,
    restart: Restart = Restart.PERMANENT,
    shutdown: float | Stop | None = None,
) -> ChildSpec:
    """Child spec of a dynamic supervisor; the budget is shared by all its children."""
    if not max_children >= 0:
        raise SpecError("max_children", max_children, "must be 0 or more")
    flags = budget or Budget()

    async def body(process: Process) -> ExitReason:
        living = DynamicSupervisor(flags, max_children)
        if door is None:
            return await living.run(process)
        door.current = living
        try:
            return await living.run(process)
        finally:
            if door.current is living:  # a zombie must not shut the door of its successor
                door.current = None

    return ChildSpec(
        id=child_id, start=body, restart=restart, shutdown=shutdown, kind=ChildKind.SUPERVISOR
    )
