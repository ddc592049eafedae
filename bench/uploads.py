"""Artifacts of any size: memory, throughput against plain loops, and polls meanwhile.

One controller in a process of its own; the client and the plain loops in two more. Every round
measures ours and the plain loop one after the other, so that both meet the same machine.
`BENCH_SCALE=0.1` makes everything a tenth of its size.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median

import psutil
import trio
from rich.console import Console
from rich.table import Table

from bench.lifecycle import controller, free_port
from bench.sender import Order
from bench.wire import Wire

MB = 1_000_000
ROUNDS = 3
POLLERS = 10


@dataclass(slots=True)
class Figures:
    """What was measured."""

    rates: dict[str, list[float]] = field(default_factory=dict)
    growth: dict[str, float] = field(default_factory=dict)
    polls: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)

    def rate(self, name: str, megabytes: float, seconds: float) -> None:
        """Note a throughput."""
        self.rates.setdefault(name, []).append(megabytes / seconds)


@contextmanager
def _cpu(figures: Figures, name: str, pid: int, megabytes: float) -> Iterator[None]:
    """Note the CPU milliseconds a MB that a process took inside the block."""
    process = psutil.Process(pid)
    before = sum(process.cpu_times()[:2])
    yield
    took = sum(process.cpu_times()[:2]) - before
    figures.cpu.setdefault(name, []).append(took * 1000 / megabytes)


class Client:
    """The process that sends and receives."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.sender"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, order: Order) -> float:
        """Carry out an order; how long it took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(order)) + "\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


class Memory:
    """The resident memory of a process and the most it had since it was last asked."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")

    def _field(self, name: str) -> float:
        for line in (self._folder / "status").read_text(encoding="ascii").splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024 / MB
        raise LookupError(name)

    @contextmanager
    def growth(self, figures: Figures, name: str) -> Iterator[None]:
        """Note by how much the peak inside the block lies above what there was before."""
        (self._folder / "clear_refs").write_text("5", encoding="ascii")
        before = self._field("VmRSS")
        yield
        grown = self._field("VmHWM") - before
        figures.growth[name] = max(figures.growth.get(name, 0.0), grown)


@dataclass(frozen=True, slots=True)
class Site:
    """Where everything is."""

    client: Client
    memory: Memory
    pid: int
    plain_pid: int
    key: str
    port: int
    plain_ports: tuple[int, int]
    scale: float

    def bytes(self, megabytes: float) -> int:
        """Scale a size."""
        return int(megabytes * MB * self.scale)

    def submissions(self, size: int, count: int) -> Order:
        """Order sources, `count` at once."""
        forms = ({"platform": "ios"},) * count
        return Order(self.port, "/api/builds/submit", self.key, size, count, "source", forms)

    async def result(self, size: int, wire: Wire, number: str) -> tuple[str, Order]:
        """Have a worker that holds a build; the id of the build, and the upload to come."""
        name = {"name": f"bench-{number}", "capabilities": {}}
        worker_id = (await wire.post_json("/api/workers/register", name)).json()["id"]
        await wire.post_form("/api/builds/submit", {"platform": "ios"}, {"source": b"PK"})
        job = (await wire.get(f"/api/workers/poll?worker_id={worker_id}")).json()["job"]
        form = {"build_id": job["id"], "worker_id": worker_id, "success": "true"}
        order = Order(self.port, "/api/workers/upload", self.key, size, 1, "result", (form,))
        return job["id"], order


async def _one_result(site: Site, figures: Figures) -> None:
    """Upload and download 1 GB, each beside its plain loop."""
    size = site.bytes(1000)
    wire = Wire(site.port, site.key)
    take, give = site.plain_ports

    async def run(order: Order) -> float:
        return await trio.to_thread.run_sync(site.client.run, order)

    for number in range(ROUNDS):
        build_id, order = await site.result(size, wire, str(number))
        with _cpu(figures, "upload: plain loop", site.plain_pid, size / MB):
            figures.rate("upload: plain loop", size / MB, await run(Order(take, size=size)))
        with (
            site.memory.growth(figures, "one result of 1 GB"),
            _cpu(figures, "upload: controller", site.pid, size / MB),
        ):
            figures.rate("upload: controller", size / MB, await run(order))
        plain = Order(give, "/plain", size=size)
        with _cpu(figures, "download: plain loop", site.plain_pid, size / MB):
            figures.rate("download: plain loop", size / MB, await run(plain))
        path = f"/api/builds/{build_id}/download"
        with (
            site.memory.growth(figures, "download of 1 GB"),
            _cpu(figures, "download: controller", site.pid, size / MB),
        ):
            seconds = await run(Order(site.port, path, site.key, size))
        figures.rate("download: controller", size / MB, seconds)
    await wire.close()


async def _polls(site: Site, waits: list[float], scope: trio.CancelScope) -> None:
    """Poll as workers without work do, until cancelled."""

    async def worker(number: int) -> None:
        wire = Wire(site.port, site.key)
        name = {"name": f"poller-{number}", "capabilities": {"platforms": ["none"]}}
        worker_id = (await wire.post_json("/api/workers/register", name)).json()["id"]
        await trio.sleep(number * 0.1 / POLLERS)  # not all in one moment
        while True:
            began = time.perf_counter()
            await wire.get(f"/api/workers/poll?worker_id={worker_id}")
            waits.append(time.perf_counter() - began)
            await trio.sleep(0.1)

    with scope:
        async with trio.open_nursery() as nursery:
            for number in range(POLLERS):
                nursery.start_soon(worker, number)


async def _polls_meanwhile(site: Site, figures: Figures) -> None:
    """Measure polls alone, then while four results of 100 MB come in."""

    async def during(name: str, work: Order | None) -> None:
        scope = trio.CancelScope()
        waits = figures.polls.setdefault(name, [])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_polls, site, waits, scope)
            await trio.sleep(1)
            waits.clear()
            if work is None:
                await trio.sleep(3)
            else:
                for _ in range(3):
                    await trio.to_thread.run_sync(site.client.run, work)
            scope.cancel()

    await during("alone", None)
    await during("while four uploads of 100 MB run", site.submissions(site.bytes(100), 4))


async def _measure(site: Site, figures: Figures) -> None:
    client, megabytes = site.client, site.scale
    await trio.to_thread.run_sync(client.run, site.submissions(1000, 2))  # warm
    await _one_result(site, figures)
    source = site.submissions(site.bytes(500), 1)
    with site.memory.growth(figures, "one source of 500 MB"):
        seconds = await trio.to_thread.run_sync(client.run, source)
    figures.rate("source of 500 MB", 500 * megabytes, seconds)
    hundred = site.submissions(site.bytes(20), 100)
    with site.memory.growth(figures, "100 submissions of 20 MB at once"):
        seconds = await trio.to_thread.run_sync(client.run, hundred)
    figures.rate("100 submissions at once", 2000 * megabytes, seconds)
    plain = replace(hundred, port=site.plain_ports[0], path="", forms=())
    seconds = await trio.to_thread.run_sync(client.run, plain)
    figures.rate("100 at once: plain loop", 2000 * megabytes, seconds)
    await _polls_meanwhile(site, figures)


@contextmanager
def _plain_loops(folder: Path) -> Iterator[tuple[int, tuple[int, int]]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.plain", str(folder)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        ports = int(process.stdout.readline()), int(process.stdout.readline())
        yield process.pid, ports
    finally:
        process.terminate()
        process.wait(20)


def run() -> None:
    """Measure and print."""
    key, port = secrets.token_urlsafe(24), free_port()
    scale = float(os.environ.get("BENCH_SCALE", "1"))
    figures, client = Figures(), Client()
    try:
        with tempfile.TemporaryDirectory(prefix="expo-bench-") as name:
            Path(name).chmod(0o711)
            with (
                controller(Path(name) / "data", key, port) as process,
                _plain_loops(Path(name)) as (plain_pid, plain_ports),
            ):
                memory = Memory(process.pid)
                pids = process.pid, plain_pid
                site = Site(client, memory, *pids, key, port, plain_ports, scale)
                trio.run(_measure, site, figures)
    finally:
        client.close()
    _show(figures, scale)


def _show(figures: Figures, scale: float) -> None:
    table = Table(title=f"Artifacts, sizes times {scale:g}", title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, rates in figures.rates.items():
        spread = f" ({min(rates):,.0f} to {max(rates):,.0f})" if len(rates) > 1 else ""
        table.add_row(f"{name}, MB/s", f"{median(rates):,.0f}{spread}")
    for way in ("upload", "download"):
        ours, plain = figures.rates[f"{way}: controller"], figures.rates[f"{way}: plain loop"]
        ratios = [a / b for a, b in zip(ours, plain, strict=True)]
        table.add_row(f"{way}, ratio to the plain loop (0.60 wanted)", f"{median(ratios):.2f}")
    for name, costs in figures.cpu.items():
        table.add_row(f"{name}, CPU ms a MB", f"{median(costs):.2f}")
    for name, grown in figures.growth.items():
        table.add_row(f"peak memory above before: {name}, MB", f"{grown:.1f}")
    for name, waits in figures.polls.items():
        ordered = sorted(waits)
        middle, late = median(ordered), ordered[int(len(ordered) * 0.99)]
        table.add_row(f"polls {name}, p50 / p99 ms", f"{middle * 1000:.1f} / {late * 1000:.1f}")
    Console(width=110).print(table)
