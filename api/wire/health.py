"""Health and figures on the wire."""

from __future__ import annotations

from msgspec import Struct


class QueueHealth(Struct):
    """How many builds wait and how many are with a worker."""

    pending: int
    active: int
    total: int


class StorageHealth(Struct):
    """Where artifacts lie."""

    path: str
    exists: bool


class Health(Struct):
    """Answer of `/health`."""

    status: str
    queue: QueueHealth
    storage: StorageHealth


class Stats(Struct):
    """Answer of `/api/stats`: true figures, at most ten seconds old."""

    nodesOnline: int
    buildsQueued: int
    activeBuilds: int
    buildsToday: int
    totalBuilds: int
    totalBuildTimeMs: int
    totalCpuCycles: float


class Ready(Struct):
    """Answer of `/ready`: whether new work may be sent here; `why` when not."""

    ready: bool
    why: str | None = None


class Live(Struct):
    """Answer of `/live`: the tree lives; `uptime` is in seconds, 0 while it starts."""

    live: bool
    uptime: float


class Failure(Struct):
    """Every error: a sentence, in the words that clients know."""

    error: str
