"""What all processes of one program share: where they run, their names, who hears of them."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import trio

from supervisors.events import Report
from supervisors.farewell import KEPT, Stopped
from supervisors.names import Names

if TYPE_CHECKING:
    from supervisors.process import Process


def no_report(_event: object) -> None:
    """Drop every event; for trees that nobody watches."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """Passed on from process to process; `run_tree` and `open_runtime` give it its nursery.

    All processes run side by side in one nursery, so that the end of a supervisor never waits for
    its children: links end them, as in OTP. With `detect_deadlocks` a call that closes a circle of
    waiting processes is refused at once; OTP lets it run into its timeout, and so does the default.
    """

    report: Report = no_report
    abort: Callable[[BaseException], None] | None = None
    """Takes a KeyboardInterrupt or SystemExit: stop the tree in order, then raise it."""
    names: Names = field(default_factory=Names)
    processes: dict[Process, None] = field(default_factory=dict[Any, None])
    """The living ones, in the order of their start."""
    stopped: deque[Stopped] = field(default_factory=lambda: deque[Any](maxlen=KEPT))
    """The latest children that ended with their supervisor."""
    nursery: trio.Nursery | None = None
    detect_deadlocks: bool = False

    def home(self) -> trio.Nursery:
        """Return the nursery of the processes."""
        if self.nursery is None:
            raise RuntimeError("no nursery: use run_tree or open_runtime")
        return self.nursery

    def kill_all(self) -> None:
        """Kill every living process, latest first."""
        for process in reversed(tuple(self.processes)):
            process.kill()


@asynccontextmanager
async def open_runtime(report: Report = no_report) -> AsyncGenerator[Runtime]:
    """Give processes a place to live in; what still lives at the end is killed."""
    async with trio.open_nursery() as nursery:
        runtime = Runtime(report, nursery=nursery)
        try:
            yield runtime
        finally:
            runtime.kill_all()
