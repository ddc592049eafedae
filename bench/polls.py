"""Polls: how long one takes with many workers, and what a farm costs that has nothing to do."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from pathlib import Path

import trio
from rich.console import Console
from rich.table import Table

from bench.lifecycle import Cpu, controller, free_port
from bench.wire import Wire

CROWDS = (50, 1000)
SECONDS = float(os.environ.get("BENCH_SECONDS", "10"))
HOLD = 30


async def _registered(port: int, key: str, count: int) -> list[tuple[Wire, str]]:
    """Register workers, each with a connection of its own."""
    crowd: list[tuple[Wire, str]] = []
    for number in range(count):
        wire = Wire(port, key)
        name = {"name": f"idle-{number}", "capabilities": {}}
        crowd.append((wire, (await wire.post_json("/api/workers/register", name)).json()["id"]))
    return crowd


async def _polled(crowd: list[tuple[Wire, str]], every: float) -> list[float]:
    """Have all poll an empty queue, each once in `every` seconds; returns how long polls took."""
    took: list[float] = []
    until = trio.current_time() + SECONDS

    async def worker(wire: Wire, worker_id: str, start: float) -> None:
        await trio.sleep(start)
        while trio.current_time() < until:
            began = time.perf_counter()
            await wire.get(f"/api/workers/poll?worker_id={worker_id}")
            took.append(time.perf_counter() - began)
            await trio.sleep(every)

    async with trio.open_nursery() as nursery:
        for number, (wire, worker_id) in enumerate(crowd):
            nursery.start_soon(worker, wire, worker_id, every * number / len(crowd))
    return sorted(took)


async def _held(crowd: list[tuple[Wire, str]], pid: int) -> float:
    """Hold a poll for every worker; returns the share of a core that this costs."""
    async with trio.open_nursery() as nursery:
        for wire, worker_id in crowd:
            nursery.start_soon(wire.get, f"/api/workers/poll?worker_id={worker_id}&wait={HOLD}")
        await trio.sleep(3)
        before, began = Cpu.of(pid), time.perf_counter()
        await trio.sleep(SECONDS)
        spent = Cpu.of(pid).since(before)
        share = (spent.controllers + spent.database) / (time.perf_counter() - began)
        nursery.cancel_scope.cancel()
    return share


async def _measure(port: int, key: str, pid: int) -> Table:
    table = Table(title="Polls of a farm without work", title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for count in CROWDS:
        crowd = await _registered(port, key, count)
        before = Cpu.of(pid)
        took = await _polled(crowd, every=max(1.0, count / 500))
        spent = Cpu.of(pid).since(before)
        name = f"{count:,} workers"
        table.add_row(f"{name}: poll p50, ms", f"{took[len(took) // 2] * 1000:.1f}")
        table.add_row(f"{name}: poll p99, ms", f"{took[int(len(took) * 0.99)] * 1000:.1f}")
        cost = (spent.controllers + spent.database) / len(took) * 1000
        table.add_row(f"{name}: CPU of 1,000 polls, s", f"{cost:.2f}")
        table.add_row(f"{name}, all held: share of a core", f"{await _held(crowd, pid):.1%}")
        for wire, _ in crowd:
            await wire.close()
    return table


def run() -> None:
    """Measure and print."""
    key, port = secrets.token_urlsafe(24), free_port()
    with tempfile.TemporaryDirectory(prefix="expo-bench-") as name:
        Path(name).chmod(0o711)
        with controller(Path(name) / "data", key, port) as process:
            Console(width=100).print(trio.run(_measure, port, key, process.pid))
