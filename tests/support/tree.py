"""A tree under test: children that do as they are told, a journal of it, reports to wait for."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
import trio
from trio.abc import Clock, Instrument
from trio.testing import MockClock, wait_all_tasks_blocked

from supervisors.dynamic import DynamicSupervisor
from supervisors.events import SupervisorEvent
from supervisors.exits import NORMAL, Crash, ExitReason
from supervisors.process import Process, Runtime
from supervisors.root import run_tree
from supervisors.snapshot import find
from supervisors.spec import ChildSpec
from supervisors.supervisor import Supervisor

T = TypeVar("T")
E = TypeVar("E", bound=SupervisorEvent)


def _run_virtual(
    test: Callable[[], Awaitable[T]],
    *,
    clock: Clock | None = None,
    instruments: Sequence[Instrument] = (),
) -> T:
    return trio.run(
        test, clock=clock or MockClock(autojump_threshold=0), instruments=list(instruments)
    )


virtual_time = pytest.mark.trio(run=_run_virtual)
"""Mark of tests that run on a clock which jumps as soon as every task waits."""

quiet = wait_all_tasks_blocked
"""Wait until nothing more happens without the clock."""


class Boom(Exception):  # noqa: N818 - reads as what it is in the tests
    """The crash that a test ordered."""


class Reports:
    """The report function of a tree: keeps every event, lets a test wait for one."""

    def __init__(self) -> None:
        self.events: list[SupervisorEvent] = []
        self._news = trio.Event()

    def __call__(self, event: SupervisorEvent) -> None:
        """Take an event from the tree."""
        self.events.append(event)
        news, self._news = self._news, trio.Event()
        news.set()

    def of(self, kind: type[E], path: str | None = None) -> list[E]:
        """Return the events of one kind so far, of one path if given."""
        return [
            event
            for event in self.events
            if isinstance(event, kind) and path in {None, getattr(event, "path", None)}
        ]

    async def seen(self, kind: type[E], path: str | None = None, *, count: int = 1) -> E:
        """Wait until there are `count` such events; return the last of them."""
        while len(self.of(kind, path)) < count:
            await self._news.wait()
        return self.of(kind, path)[count - 1]


class Probe:
    """A child under remote control that writes its life into a journal.

    `inits` scripts the starts one by one ("ok", "fail", "ignore", "hang", "leave", or seconds to
    take), then `always`. `stop` says what happens when asked to stop: "ok", "fail", "deaf"
    (waits for a kill), "stuck" (not even a kill ends it before `unstick`), or seconds to take.
    """

    def __init__(
        self,
        name: str,
        journal: list[str],
        *inits: str | float,
        always: str = "ok",
        stop: str | float = "ok",
    ) -> None:
        self.name = name
        self.journal = journal
        self.script = deque(inits)
        self.always = always
        self.on_stop = stop
        self.lives: list[Process] = []
        self.init_times: list[float] = []
        self._unstuck = trio.Event()

    def spec(self, **options: object) -> ChildSpec:
        """Child spec of this probe, id = name."""
        return ChildSpec(id=self.name, start=self._body, **options)

    @property
    def life(self) -> Process:
        """The latest process."""
        return self.lives[-1]

    @property
    def starts(self) -> int:
        """How often the start function was called."""
        return len(self.lives)

    def crash(self, error: BaseException | None = None) -> None:
        """Have the child raise."""
        self._send.send_nowait(error or Boom(self.name))

    def leave(self, reason: ExitReason = NORMAL) -> None:
        """Have the child end by itself with `reason`."""
        self._send.send_nowait(reason)

    def unstick(self) -> None:
        """Let go of a stuck child."""
        self._unstuck.set()

    def _note(self, what: str) -> None:
        self.journal.append(f"{what} {self.name}")

    async def _body(self, process: Process) -> ExitReason | None:
        self.lives.append(process)
        self.init_times.append(trio.current_time())
        self._send, orders = trio.open_memory_channel[Any](100)
        self._note("init")
        try:
            if await self._init(self.script.popleft() if self.script else self.always, process):
                return None
            process.on_shutdown(lambda reason: self._send.send_nowait(("stop", reason)))
            process.started(self)
            async for order in orders:
                match order:
                    case BaseException():
                        raise order
                    case ("stop", reason):
                        await self._stop()
                        return reason
                    case reason:
                        return reason
        except trio.Cancelled:
            self._note("kill")
            raise
        return None

    async def _init(self, how: str | float, process: Process) -> bool:
        match how:
            case "fail":
                raise Boom(self.name)
            case "ignore":
                process.ignore()
                return True
            case "leave":
                return True
            case "hang":
                await trio.sleep_forever()
            case float() | int():
                await trio.sleep(how)
        return False

    async def _stop(self) -> None:
        match self.on_stop:
            case "fail":
                self._note("stop")
                raise Boom(self.name)
            case "deaf":
                await trio.sleep_forever()
            case "stuck":
                with trio.CancelScope(shield=True):
                    await self._unstuck.wait()
            case float() | int():
                await trio.sleep(self.on_stop)
        self._note("stop")


class Tree:
    """A running tree: its root process, its reports, and how it ended."""

    def __init__(self, nursery: trio.Nursery, scope: trio.CancelScope) -> None:
        self.nursery = nursery
        self.reports = Reports()
        self.root: Process
        self.result: ExitReason | None = None
        self._scope = scope
        self._over = trio.Event()

    def sup(self, path: str = "") -> Supervisor:
        """Return the static supervisor at `path`."""
        process = find(self.root, path)
        assert process is not None
        assert isinstance(process.handle, Supervisor)
        return process.handle

    def dyn(self, path: str) -> DynamicSupervisor:
        """Return the dynamic supervisor at `path`."""
        process = find(self.root, path)
        assert process is not None
        assert isinstance(process.handle, DynamicSupervisor)
        return process.handle

    def cancel(self) -> None:
        """Cancel the tree from outside."""
        self._scope.cancel()

    async def stop(self) -> None:
        """Cancel the tree from outside and wait for its end."""
        self.cancel()
        await self.over()

    async def over(self) -> ExitReason | None:
        """Wait until `run_tree` has ended; return what it returned."""
        await self._over.wait()
        return self.result

    async def run(
        self,
        spec: ChildSpec,
        options: Mapping[str, object],
        *,
        task_status: trio.TaskStatus[Process],
    ) -> None:
        """Run the tree, for `grown`."""
        try:
            with self._scope:
                self.result = await run_tree(
                    spec, Runtime(self.reports), task_status=task_status, **options
                )
        finally:
            self._over.set()


@asynccontextmanager
async def grown(spec: ChildSpec, **options: object) -> AsyncIterator[Tree]:
    """Run the tree of `spec`; at the end it is stopped from outside, in order."""
    async with trio.open_nursery() as nursery:
        tree = Tree(nursery, trio.CancelScope())
        tree.root = await nursery.start(tree.run, spec, options)
        yield tree
        tree.cancel()


def crash_of(reason: ExitReason | None) -> BaseException:
    """Return the primary exception of a crash."""
    assert isinstance(reason, Crash)
    return reason.primary
