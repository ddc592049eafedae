"""The program as a whole: memory, descriptors, the loop, and a list of its processes by size."""

from __future__ import annotations

import gc
import os
import platform
import resource
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import trio

from actors.kernel.actor import Actor
from actors.watchdog.pulse import Pulse
from api.debug.picture import Shape
from supervisors.process import Process

_MIB = 1024 * 1024
SORTS = ("mailbox", "handled", "oldest", "rate", "uptime", "path")


def system_figures(root: Process, pulse: Pulse) -> Shape:
    """Return what the program uses, against what it may."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    statistics = trio.lowlevel.current_statistics()
    return {
        "python": platform.python_version(),
        "trio": trio.__version__,
        "pid": os.getpid(),
        "uptime": _uptime(root),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
        "memory_mib": _resident_mib(),
        "peak_memory_mib": round(used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / _MIB),
        "descriptors": _descriptors(),
        "descriptors_limit": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "threads": threading.active_count(),
        "processes": len(root.runtime.processes),
        "names": len(root.runtime.names),
        "garbage": sum(gc.get_count()),
        "tasks": statistics.tasks_living,
        "tasks_runnable": statistics.tasks_runnable,
        "loop_lag_ms": loop_lag(pulse),
        "loop_stalls": pulse.stalls,
        "longest_stall_ms": round(pulse.longest * 1000),
    }


def loop_lag(pulse: Pulse) -> Shape:
    """Return how late the loop was in the last minute, in milliseconds."""
    lags = [lag * 1000 for lag in pulse.lags]
    ordered = sorted(lags) or [0.0]
    worst = [round(max(lags[start : start + 100]), 2) for start in range(0, len(lags), 100)]
    return {
        "p50": round(ordered[len(ordered) // 2], 2),
        "p99": round(ordered[len(ordered) * 99 // 100], 2),
        "worst": round(ordered[-1], 2),
        "worst_by_ten_seconds": worst,
    }


async def list_processes(
    root: Process, sort: str, most: int, *, within: str = "", over: float = 0.0
) -> list[Shape]:
    """Return those with the most of `sort`; two looks `over` seconds apart give a rate."""
    before = {process: _handled(process) for process in root.runtime.processes}
    began = time.monotonic()
    if over:
        await trio.sleep(over)
    seconds = time.monotonic() - began
    found = [
        _row(process, (_handled(process) - before.get(process, 0)) / seconds if over else 0.0)
        for process in tuple(root.runtime.processes)
        if within in process.path
    ]
    return _sorted(found, sort)[:most]


def _sorted(rows: Iterable[Shape], sort: str) -> list[Shape]:
    if sort == "path":
        return sorted(rows, key=lambda row: row["path"])
    return sorted(rows, key=lambda row: -row[sort])


def _row(process: Process, rate: float) -> Shape:
    handle = process.handle
    mailbox = handle.mailbox if isinstance(handle, Actor) else None
    return {
        "path": process.path,
        "generation": process.generation,
        "mailbox": len(mailbox) if mailbox is not None else 0,
        "oldest": round(mailbox.oldest_age(), 3) if mailbox is not None else 0.0,
        "handled": _handled(process),
        "rate": round(rate, 2),
        "uptime": round(_uptime(process), 1),
    }


def _handled(process: Process) -> int:
    handle = process.handle
    return cast("Actor[object]", handle).handled if isinstance(handle, Actor) else 0


def _uptime(process: Process) -> float:
    return 0.0 if process.started_at is None else trio.current_time() - process.started_at


def _resident_mib() -> int | None:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return round(pages * resource.getpagesize() / _MIB)


def _descriptors() -> int | None:
    try:
        return len(os.listdir("/dev/fd"))  # noqa: PTH208 - numbers, not paths
    except OSError:
        return None
