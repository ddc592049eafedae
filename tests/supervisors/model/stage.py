"""The same tree for real: leaves that do as told, and the names of what was seen."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import trio

from supervisors import system
from supervisors.dynamic import DynamicSupervisor, dynamic_supervisor
from supervisors.errors import SupervisorError
from supervisors.events import (
    ChildrenShutdownFailed,
    ChildShutdownFailed,
    ChildStartFailed,
    ChildTerminated,
    RestartBudgetSpent,
    SupervisorEvent,
)
from supervisors.exits import KILLED, NORMAL, SHUTDOWN, Crash, ExitReason, Shutdown
from supervisors.loop import SupervisorLoop
from supervisors.snapshot import find
from supervisors.spec import BRUTAL_KILL, AutoShutdown, Budget, ChildSpec, Flags, Restart, Strategy
from supervisors.supervisor import supervisor_by
from tests.supervisors.model.shape import DEAF_SECONDS, Branch, Leaf
from tests.support.tree import Boom

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from supervisors.process import Process
    from tests.support.tree import Tree

REASONS: dict[str, ExitReason] = {
    "normal": NORMAL,
    "shutdown": SHUTDOWN,
    "detail": Shutdown("moved"),
    "crash": Crash(Boom("told to")),
    "kill": KILLED,
}


class Cast:
    """All who play: makes their specs, counts their lives."""

    def __init__(self) -> None:
        self.tree: Tree
        self.events: list[str] = []
        self.lives: dict[str, int] = defaultdict(int)
        self.numbers: dict[Process, int] = {}
        self.orders: dict[Process, trio.MemorySendChannel[Any]] = {}
        self.scripts: dict[str, deque[str]] = defaultdict(deque)
        self._told = 0

    def spec(self, one: Leaf | Branch) -> ChildSpec:
        """Make the child spec."""
        return self.leaf(one) if isinstance(one, Leaf) else self._branch(one)

    def _branch(self, one: Branch) -> ChildSpec:
        budget = Budget(intensity=one.intensity, period=one.period)
        if one.dynamic:
            inner = dynamic_supervisor(one.name, budget=budget)
        else:
            flags = Flags(
                children=[self.spec(child) for child in one.children],
                strategy=Strategy(one.strategy),
                budget=budget,
                auto_shutdown=AutoShutdown(one.auto),
            )
            inner = supervisor_by(one.name, flags)

        async def body(process: Process) -> ExitReason | None:
            self._enter("begin", one.name, process)
            try:
                return await inner.start(process)
            finally:
                self.events.append(f"end {one.name}")

        restart = Restart(one.restart)
        return replace(inner, start=body, restart=restart, significant=one.significant)

    def leaf(self, one: Leaf) -> ChildSpec:
        """Make the child spec of a leaf."""

        async def body(process: Process) -> ExitReason | None:
            self._enter("init", one.name, process)
            try:
                return await self._act(one, process)
            except trio.Cancelled:
                self.events.append(f"kill {one.name}")
                raise

        limit = BRUTAL_KILL if one.stop == "brutal" else DEAF_SECONDS
        restart = Restart(one.restart)
        return ChildSpec(
            id=one.name, start=body, restart=restart, shutdown=limit, significant=one.significant
        )

    def _enter(self, word: str, name: str, process: Process) -> None:
        self.events.append(f"{word} {name}")
        self.lives[name] += 1
        self.numbers[process] = self.lives[name]

    async def _act(self, one: Leaf, process: Process) -> ExitReason | None:
        script = self.scripts[one.name]
        how = script.popleft() if script else "ok"
        if how == "fail":
            raise Boom(one.name)
        if how == "ignore":
            process.ignore()
            return None
        send, orders = trio.open_memory_channel[Any](10)
        self.orders[process] = send
        process.on_shutdown(lambda reason: send.send_nowait(("stop", reason)))
        process.started(self)
        async for order in orders:
            if not isinstance(order, tuple):
                return _end(order)
            if one.stop == "deaf":
                continue
            self.events.append(f"stop {one.name}")
            return _end({"fail": "crash"}.get(one.stop, one.stop), order[1])
        return None

    # -- doing ----------------------------------------------------------------------------------

    def process(self, path: str) -> Process:
        """Return the living process at a path."""
        process = find(self.tree.root, path)
        assert process is not None
        return process

    def loop(self, path: str) -> Any:
        """Return the supervisor at a path."""
        handle = self.process(path).handle
        assert isinstance(handle, SupervisorLoop)
        return handle

    def end(self, path: str, end: str) -> None:
        """Have a leaf end."""
        process = self.process(path)
        if end == "kill":
            process.kill()
        else:
            self.orders[process].send_nowait(end)

    async def end_branch(self, path: str, end: str) -> None:
        """Have a supervisor end."""
        process = self.process(path)
        if end == "kill":
            process.kill()
        else:
            await system.stop(process, REASONS[end])

    async def ask(self, request: Awaitable[object]) -> str:
        """Ask a supervisor for something; return how that went."""
        try:
            await request
        except SupervisorError as refusal:
            return type(refusal).__name__
        return "ok"

    def key(self, path: str, name: str, life: int | None) -> Any:
        """Return what a request calls a child."""
        if not isinstance(self.loop(path), DynamicSupervisor):
            return name
        return next(
            slot.process
            for slot in self.loop(path).slots()
            if slot.process is not None
            and slot.spec.id == name
            and self.numbers[slot.process] == life
        )

    # -- looking --------------------------------------------------------------------------------

    def take(self) -> list[str]:
        """Return the events since the last look."""
        events, self.events = self.events, []
        return events

    def take_reports(self) -> list[tuple[str, str, str]]:
        """Return the reports since the last look, in words."""
        new = self.tree.reports.events[self._told :]
        self._told += len(new)
        return [told for event in new for told in _words(event)]


def _end(how: str, asked: ExitReason = NORMAL) -> ExitReason:
    if how == "crash":
        raise Boom("told to")
    return REASONS.get(how, asked)


def _word(reason: ExitReason) -> str:
    if isinstance(reason, Crash):
        return "crash"
    return next((word for word, one in REASONS.items() if one == reason), str(reason))


def _words(event: SupervisorEvent) -> list[tuple[str, str, str]]:
    match event:
        case ChildTerminated(path=path, reason=reason):
            return [("terminated", path, _word(reason))]
        case ChildStartFailed(path=path, during_restart=again):
            return [("start_failed", path, "again" if again else "first")]
        case ChildShutdownFailed(path=path, reason=reason):
            return [("shutdown_failed", path, _word(reason))]
        case RestartBudgetSpent(path=path, offender=offender):
            return [("budget_spent", path, offender)]
        case ChildrenShutdownFailed(path=path, reason=reason, children=children):
            return [("children", path, f"{children} {_word(reason)}")]
    return []
