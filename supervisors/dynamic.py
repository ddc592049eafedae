"""The dynamic supervisor: children on demand, found by their process, stopped in parallel."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import replace

from supervisors.budget import Window
from supervisors.census import Count
from supervisors.child import is_expected_of_dynamic
from supervisors.decide import Verdict, decide, is_reported
from supervisors.errors import MaxChildrenError, NoProcError, NotFoundError, SpecError
from supervisors.events import ChildrenShutdownFailed, ChildTerminated
from supervisors.exits import ExitReason
from supervisors.keeper import because
from supervisors.loop import SupervisorLoop
from supervisors.process import Process
from supervisors.slot import Slot
from supervisors.spec import (
    AutoShutdown,
    Body,
    Budget,
    ChildKind,
    ChildSpec,
    Restart,
    Stop,
    Strategy,
    check_significance,
)


class DynamicSupervisor(SupervisorLoop):
    """one_for_one over children that come and go; none at boot, none come back with it."""

    strategy = Strategy.ONE_FOR_ONE

    def __init__(
        self,
        budget: Budget,
        max_children: float = math.inf,
        auto_shutdown: AutoShutdown = AutoShutdown.NEVER,
    ) -> None:
        super().__init__()
        self.window = Window(budget)
        self.max_children = max_children
        self.auto_shutdown = auto_shutdown
        self._children: dict[int, Slot] = {}
        self._known: dict[Process, Slot] = {}

    def init(self) -> None:
        """Take nothing: the flags are there."""

    def slots(self) -> list[Slot]:
        """Return the children in the order of their start."""
        return list(self._children.values())

    async def boot(self) -> None:
        """Start nothing: children come by `start_child`."""

    async def stop_children(self) -> None:
        """Stop all children at once, each within its own limit; bad ends are reported together."""
        self.begin_to_end()
        ends = await self.stop_together(self.slots())
        bad = Counter(
            reason for slot, reason in ends if not is_expected_of_dynamic(slot.spec, reason)
        )
        self._children.clear()
        self._known.clear()
        for reason, children in bad.items():
            self.report(ChildrenShutdownFailed(self.path, reason, children))

    async def child_ended(self, slot: Slot, reason: ExitReason) -> bool:
        """Restart by the matrix; a child that is not restarted is forgotten."""
        spec = slot.spec
        if is_reported(spec.restart, reason):
            path = self.child_path(spec.id)
            generation, child = slot.generation, slot.offender()
            self.report(ChildTerminated(path, reason, spec.restart, generation, child))
        if decide(spec.restart, reason) is Verdict.RESTART:
            cause = f"it ended ({reason}{because(slot.known)})"
            return self.is_put_off(slot, cause) or await self._restart(slot, cause)
        self._forget(slot)
        return not await self.auto_shut_down(slot)

    async def retry(self, slot: Slot) -> bool:
        """Try a restart again whose start failed."""
        return await self._restart(slot, slot.cause)

    async def _restart(self, slot: Slot, why: str) -> bool:
        if not self.spend(slot):
            await self.stop_children()
            return False
        before = slot.known
        if await self.start(slot, why=why) is not None:
            if self.try_later(slot):
                return True
            await self.stop_children()
            return False
        if slot.process is None:
            self._forget(slot)  # it declined
        elif before is not None:
            self._known.pop(before, None)
            self._known[slot.process] = slot
        return True

    def _forget(self, slot: Slot) -> None:
        del self._children[id(slot)]
        if slot.known is not None:
            self._known.pop(slot.known, None)

    async def start_child(self, child: ChildSpec | Callable[[], ChildSpec]) -> Process | None:
        """Start a child and wait for its init; None when it declined.

        Raises `SpecError`, `MaxChildrenError` or `StartError`; nothing is kept then. A function
        is called for the spec when it is the request's turn.
        """

        async def operation() -> Process | None:
            spec = child() if callable(child) else child
            check_significance(spec, self.auto_shutdown)
            if len(self._children) >= self.max_children:
                raise MaxChildrenError(f"all {self.max_children} places are taken")
            slot = Slot(spec)
            reason = await self.start(slot, asked=True)
            if reason is not None:
                raise self.start_error(slot, reason)
            if slot.process is not None:
                self._children[id(slot)] = slot
                self._known[slot.process] = slot
            return slot.process

        return await self.request(operation)

    async def terminate_child(self, process: Process) -> None:
        """Stop the child by its shutdown rule and forget it; a pending restart is called off."""

        async def operation() -> None:
            slot = self._find(process)
            await self.stop_one(slot)
            self._forget(slot)

        await self.request(operation)

    async def get_child_spec(self, process: Process) -> ChildSpec:
        """Return the spec of a child."""

        async def operation() -> ChildSpec:
            return self._find(process).spec

        return await self.request(operation)

    def census(self) -> Count:
        """Count those as active whose end was not heard yet, as OTP's does."""
        counted = super().census()
        return replace(counted, active=sum(slot.process is not None for slot in self.slots()))

    def _find(self, process: Process) -> Slot:
        try:
            return self._known[process]
        except KeyError:
            raise NotFoundError("no such child") from None


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
    child_id: Hashable,
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

    return dynamic_spec(child_id, body, restart, shutdown)


def dynamic_spec(
    child_id: Hashable,
    body: Body,
    restart: Restart,
    shutdown: float | Stop | None,
) -> ChildSpec:
    """Child spec of any dynamic supervisor."""
    return ChildSpec(
        id=child_id,
        start=body,
        restart=restart,
        shutdown=shutdown,
        kind=ChildKind.SUPERVISOR,
    )
