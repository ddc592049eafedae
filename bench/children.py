"""Processes: starting and stopping many, the time of a restart, the memory of an idle one."""

from __future__ import annotations

import gc
import statistics
import time

import psutil
import trio
from rich.console import Console
from rich.table import Table

from actors.kernel.actor import Actor, actor_spec
from actors.kernel.ref import Ref
from bench import peers
from supervisors.dynamic import Door, dynamic_supervisor
from supervisors.events import ChildStarted
from supervisors.process import Process, Runtime
from supervisors.root import run_tree
from supervisors.snapshot import find
from supervisors.spec import Budget, Restart
from supervisors.supervisor import supervisor

CHILDREN = 10_000
RESTARTS = 300


class Idle:
    """Marks the protocol of the measured actors."""


def _idle(name: str, restart: Restart = Restart.TEMPORARY):  # noqa: ANN202 - a child spec
    ref = Ref[Idle](name)
    return actor_spec(name, lambda: Actor[Idle](ref), restart=restart)


class _Restarts:
    """Notes when the watched child comes back."""

    def __init__(self) -> None:
        self.back = trio.Event()

    def report(self, event: object) -> None:
        """Take a report of the tree."""
        if isinstance(event, ChildStarted) and event.path == "watched":
            self.back.set()


async def _crowd(door: Door) -> tuple[float, float]:
    """Return starts a second and bytes an actor."""
    gc.collect()
    before = psutil.Process().memory_info().rss
    began = time.perf_counter()
    for number in range(CHILDREN):
        await door.start_child(_idle(f"idle-{number}"))
    rate = CHILDREN / (time.perf_counter() - began)
    gc.collect()
    return rate, (psutil.Process().memory_info().rss - before) / CHILDREN


async def _restart_times(root: Process, watch: _Restarts) -> list[float]:
    times: list[float] = []
    for _ in range(RESTARTS):
        victim = find(root, "watched")
        assert victim is not None
        watch.back = trio.Event()
        began = time.perf_counter()
        victim.kill()
        await watch.back.wait()
        times.append(time.perf_counter() - began)
    return times


async def _measure() -> Table:
    door, watch = Door(), _Restarts()
    spec = supervisor(
        "root",
        [
            _idle("watched", Restart.PERMANENT),
            dynamic_supervisor("crowd", door=door),
        ],
        budget=Budget(intensity=10 * RESTARTS, period=60),
    )
    up: list[Process] = []
    table = Table(title="Processes", title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")

    async def live(*, task_status: trio.TaskStatus[Process]) -> None:
        await run_tree(spec, Runtime(watch.report), task_status=task_status)

    async with trio.open_nursery() as nursery:
        up.append(await nursery.start(live))
        times = sorted(await _restart_times(up[0], watch))
        starts, memory = await _crowd(door)
        began = time.perf_counter()
        up[0].shutdown()
        await up[0].join()
        stops = CHILDREN / (time.perf_counter() - began)
    table.add_row("restart after a kill, median us", f"{statistics.median(times) * 1e6:,.0f}")
    table.add_row("restart after a kill, p99 us", f"{times[int(len(times) * 0.99)] * 1e6:,.0f}")
    table.add_row(f"starts a second, {CHILDREN:,} children", f"{starts:,.0f}")
    table.add_row(f"stops a second, {CHILDREN:,} children", f"{stops:,.0f}")
    table.add_row("memory of an idle actor, bytes", f"{memory:,.0f}")
    table.add_row(f"memory of {CHILDREN:,} idle actors, MB", f"{memory * CHILDREN / 1e6:,.0f}")
    starts, stops = peers.pykka_crowd()
    table.add_row(f"pykka: starts a second, {peers.CROWD:,} threads", f"{starts:,.0f}")
    table.add_row(f"pykka: stops a second, {peers.CROWD:,} threads", f"{stops:,.0f}")
    return table


def run() -> None:
    """Measure and print."""
    Console(width=100).print(trio.run(_measure))
