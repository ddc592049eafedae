"""Whole builds over HTTP: submit, poll, source, upload; builds a minute and time to a worker.

8 submitters and 50 workers on real sockets, against controllers of their own processes on the
embedded database with its default durability. The load generator shares the machine.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import trio
from rich.console import Console
from rich.table import Table

from bench.wire import Wire

SUBMITTERS = 8
WORKERS = 50
SECONDS = 20.0
SOURCE = b"PK" + bytes(2000)
RESULT = b"PK" + bytes(2000)


@dataclass(slots=True)
class Book:
    """What happened."""

    submitted_at: dict[str, float] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)
    done: int = 0
    twice: int = 0


async def _submitter(wire: Wire, book: Book, until: float) -> None:
    while trio.current_time() < until:
        answer = await wire.post_form("/api/builds/submit", {"platform": "ios"}, {"source": SOURCE})
        assert answer.status == 200, answer
        book.submitted_at[answer.json()["id"]] = trio.current_time()
        while len(book.submitted_at) - book.done > WORKERS:  # noqa: ASYNC110 - a pace
            await trio.sleep(0.001)


async def _worker(wire: Wire, book: Book, number: int, until: float) -> None:
    name = {"name": f"bench-{number}", "capabilities": {}}
    worker_id = (await wire.post_json("/api/workers/register", name)).json()["id"]
    headers = f"X-Worker-Id: {worker_id}\r\n"
    while trio.current_time() < until:
        answer = await wire.get(f"/api/workers/poll?worker_id={worker_id}&wait=1")
        job = answer.json()["job"]
        if job is None:
            continue
        build_id = job["id"]
        asked = book.submitted_at.get(build_id)
        book.waits.append(0.0 if asked is None else trio.current_time() - asked)
        book.twice += build_id in book.given
        book.given[build_id] = worker_id
        source = await wire.get(f"/api/builds/{build_id}/source", headers)
        assert source.body == SOURCE, source.status
        fields = {"build_id": build_id, "worker_id": worker_id, "success": "true"}
        taken = await wire.post_form("/api/workers/upload", fields, {"result": RESULT})
        assert taken.status == 200, taken
        book.done += 1


async def _load(port: int, key: str, seconds: float) -> Book:
    book = Book()
    until = trio.current_time() + seconds
    async with trio.open_nursery() as nursery:
        for number in range(WORKERS):
            nursery.start_soon(_worker, Wire(port, key), book, number, until)
        for _ in range(SUBMITTERS):
            nursery.start_soon(_submitter, Wire(port, key), book, until)
    return book


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def controller(folder: Path, key: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a controller on a data folder until the block ends."""
    env = {**os.environ, "CONTROLLER_API_KEY": key, "LOG_LEVEL": "warning"}
    command = [sys.executable, "-m", "controller", "start", "--port", str(port)]
    with (folder.parent / "log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--data-dir", str(folder)], stdout=subprocess.PIPE, stderr=log, env=env
        )
    try:
        assert process.stdout is not None
        while b"Stop" not in (line := process.stdout.readline()):
            assert line, (folder.parent / "log").read_text()
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds so far: of the controllers, of the database server below them."""

    controllers: float
    database: float

    @classmethod
    def of(cls, pid: int) -> Cpu:
        """Read the times of a process and of all below it."""
        top = psutil.Process(pid)
        seconds = {True: 0.0, False: 0.0}
        for member in (top, *top.children(recursive=True)):
            times = member.cpu_times()
            seconds[member.name() == "postgres"] += times.user + times.system
        return cls(seconds[False], seconds[True])

    def since(self, before: Cpu) -> Cpu:
        """Return the difference."""
        return Cpu(self.controllers - before.controllers, self.database - before.database)


def run() -> None:
    """Measure and print."""
    seconds = float(os.environ.get("BENCH_SECONDS", SECONDS))
    key, port = secrets.token_urlsafe(24), free_port()
    with tempfile.TemporaryDirectory(prefix="expo-bench-") as name:
        Path(name).chmod(0o711)
        with controller(Path(name) / "data", key, port) as process:
            trio.run(_load, port, key, 2.0)  # warm
            before, own = Cpu.of(process.pid), time.process_time()
            began = time.perf_counter()
            book = trio.run(_load, port, key, seconds)
            took = time.perf_counter() - began
            cpu, own = Cpu.of(process.pid).since(before), time.process_time() - own
    _show(book, took, cpu, own)


def _show(book: Book, took: float, cpu: Cpu, own: float) -> None:
    waits = sorted(book.waits)
    table = Table(title="Whole builds over HTTP", title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_row("builds a minute", f"{book.done / took * 60:,.0f}")
    table.add_row("to a worker, p50 ms", f"{statistics.median(waits) * 1000:.1f}")
    table.add_row("to a worker, p99 ms", f"{waits[int(len(waits) * 0.99)] * 1000:.1f}")
    table.add_row("assigned twice", str(book.twice))
    table.add_row("controller CPU, ms a build", f"{cpu.controllers / book.done * 1000:.2f}")
    table.add_row("database CPU, ms a build", f"{cpu.database / book.done * 1000:.2f}")
    table.add_row("load generator CPU, ms a build", f"{own / book.done * 1000:.2f}")
    Console(width=100).print(table)
