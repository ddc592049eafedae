"""The static supervisor: ordered start, restart by strategy within a budget, reverse stop."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from supervisors.budget import Window
from supervisors.decide import Verdict, affected, decide, is_reported
from supervisors.errors import (
    AlreadyPresentError,
    AlreadyStartedError,
    ChildRestartingError,
    ChildRunningError,
    NotFoundError,
)
from supervisors.events import ChildTerminated
from supervisors.exits import SHUTDOWN, ExitReason, FailedToStart, Shutdown
from supervisors.keeper import because
from supervisors.loop import SupervisorLoop, flags_of
from supervisors.process import Process
from supervisors.slot import Slot
from supervisors.spec import (
    Budget,
    ChildKind,
    ChildSpec,
    Flags,
    Ignore,
    Restart,
    Stop,
    Strategy,
    check_significance,
)


class Supervisor(SupervisorLoop):
    """Runs a list of children; its public coroutines may be called from any task but its own."""

    def __init__(self, init: Flags | Callable[[], Flags | Ignore]) -> None:
        super().__init__()
        self._init = init
        self._table: dict[Hashable, Slot] = {}

    def init(self) -> Ignore | None:
        """Ask the callback for flags and specs."""
        answer = self._init() if callable(self._init) else self._init
        if isinstance(answer, Ignore):
            return answer
        flags = self.flags = flags_of(answer)
        self.strategy = flags.strategy
        self.auto_shutdown = flags.auto_shutdown
        self.window = Window(flags.budget)
        self._table = {spec.id: Slot(spec) for spec in flags.children}
        return None

    def slots(self) -> list[Slot]:
        """Return the children in start order, idle ones included."""
        return list(self._table.values())

    # -- life -----------------------------------------------------------------------------------

    async def boot(self) -> ExitReason | None:
        """Start the children in order; on a failure stop those that run, in reverse."""
        for slot in self.slots():
            reason = None if self.stop_asked else await self.start(slot)
            if self.stop_asked:
                await self.stop_children()
                return SHUTDOWN
            if reason is not None:
                await self.stop_children()
                return Shutdown(FailedToStart(self.child_path(slot.spec.id), reason))
            self._drop_if_declined(slot)
        return None

    async def stop_children(self) -> None:
        """Stop the children one at a time, last started first."""
        self.begin_to_end()
        await self._stop_all(self.slots())

    async def child_ended(self, slot: Slot, reason: ExitReason) -> bool:
        """Apply the restart matrix to a child that ended by itself."""
        spec = slot.spec
        if is_reported(spec.restart, reason):
            path = self.child_path(spec.id)
            generation, child = slot.generation, slot.offender()
            self.report(ChildTerminated(path, reason, spec.restart, generation, child))
        match decide(spec.restart, reason):
            case Verdict.RESTART:
                cause = f"ended ({reason}{because(slot.known)})"
                if self.is_put_off(slot, f"it {cause}"):
                    return True
                return await self._restart(slot, cause)
            case Verdict.GONE:
                del self._table[spec.id]
            case Verdict.IDLE:
                pass
        return not await self.auto_shut_down(slot)

    async def retry(self, slot: Slot) -> bool:
        """Try a restart again whose start failed."""
        return await self._restart(slot, slot.cause.removeprefix("it ").removeprefix("its "))

    async def _restart(self, failed: Slot, cause: str) -> bool:
        if not self.spend(failed):
            await self.stop_children()
            return False
        ids = affected(self.strategy, list(self._table), failed.spec.id)
        replaced = [self._table[child_id] for child_id in ids]
        await self._stop_all(replaced)
        for slot in replaced:
            if slot.spec.id not in self._table:
                continue  # a temporary sibling that fell out
            if await self.start(slot, why=self._why(slot, failed, cause)) is not None:
                if self.try_later(slot):
                    return True
                await self.stop_children()
                return False
            self._drop_if_declined(slot)
        return True

    def _why(self, slot: Slot, failed: Slot, cause: str) -> str:
        if slot is failed:
            return f"it {cause}"
        return f"{self.strategy.value}: {failed.spec.id} {cause}"

    async def _stop_all(self, slots: Sequence[Slot]) -> None:
        for slot in reversed(slots):
            await self.stop_one(slot)
            if slot.spec.restart is Restart.TEMPORARY:
                del self._table[slot.spec.id]

    def _drop_if_declined(self, slot: Slot) -> None:
        if slot.process is None and slot.spec.restart is Restart.TEMPORARY:
            del self._table[slot.spec.id]

    # -- administration -------------------------------------------------------------------------

    async def start_child(self, child: ChildSpec | Callable[[], ChildSpec]) -> Process | None:
        """Add a child at the end of the order and wait for its init; None when it declined.

        Raises `SpecError`, `AlreadyStartedError`, `AlreadyPresentError`, or `StartError`; nothing
        is kept then. A function is called for the spec when it is the request's turn.
        """

        async def operation() -> Process | None:
            spec = child() if callable(child) else child
            check_significance(spec, self.auto_shutdown)
            held = self._table.get(spec.id)
            if held is not None:
                if held.process is not None:
                    raise AlreadyStartedError(spec.id, held.process)
                raise AlreadyPresentError(f"child {spec.id!r} is known but does not run")
            slot = Slot(spec)
            reason = await self.start(slot, asked=True)
            if reason is not None:
                raise self.start_error(slot, reason)
            self._table[spec.id] = slot
            self._drop_if_declined(slot)
            return slot.process

        return await self.request(operation)

    async def terminate_child(self, child_id: Hashable) -> None:
        """Stop a child and keep its spec (a temporary one goes); it is not restarted."""

        async def operation() -> None:
            await self._stop_all([self._find(child_id)])

        await self.request(operation)

    async def restart_child(self, child_id: Hashable) -> Process | None:
        """Start an idle child at its old place; costs no budget, is not tried again."""

        async def operation() -> Process | None:
            slot = self._idle(child_id)
            reason = await self.start(slot, asked=True)
            if reason is not None:
                raise self.start_error(slot, reason)
            return slot.process

        return await self.request(operation)

    async def delete_child(self, child_id: Hashable) -> None:
        """Forget the spec of an idle child."""

        async def operation() -> None:
            self._idle(child_id)
            del self._table[child_id]

        await self.request(operation)

    async def get_child_spec(self, child_id: Hashable) -> ChildSpec:
        """Return the spec of a child."""

        async def operation() -> ChildSpec:
            return self._find(child_id).spec

        return await self.request(operation)

    def _find(self, child_id: Hashable) -> Slot:
        try:
            return self._table[child_id]
        except KeyError:
            raise NotFoundError(f"no child {child_id!r}") from None

    def _idle(self, child_id: Hashable) -> Slot:
        slot = self._find(child_id)
        if slot.restarting:
            raise ChildRestartingError(f"child {child_id!r} waits for its next start")
        if slot.process is not None:
            raise ChildRunningError(f"child {child_id!r} runs")
        return slot


def supervisor(
    child_id: Hashable,
    children: Sequence[ChildSpec],
    *,
    strategy: Strategy = Strategy.ONE_FOR_ONE,
    budget: Budget | None = None,
    restart: Restart = Restart.PERMANENT,
    shutdown: float | Stop | None = None,
) -> ChildSpec:
    """Child spec of a static supervisor; bad specs raise `SpecError` here, before any start."""
    flags = Flags(children=tuple(children), strategy=strategy, budget=budget or Budget())
    return supervisor_by(child_id, flags, restart=restart, shutdown=shutdown)


def supervisor_by(
    child_id: Hashable,
    init: Flags | Callable[[], Flags | Ignore],
    *,
    restart: Restart = Restart.PERMANENT,
    shutdown: float | Stop | None = None,
) -> ChildSpec:
    """Child spec of a static supervisor whose flags and specs `init` tells, at each start.

    A callback may return `IGNORE`; raising, or returning anything else, makes the start fail.
    """

    async def body(process: Process) -> ExitReason:
        return await Supervisor(init).run(process)

    return ChildSpec(
        id=child_id,
        start=body,
        restart=restart,
        shutdown=shutdown,
        kind=ChildKind.SUPERVISOR,
        below=init if isinstance(init, Flags) else None,
    )
