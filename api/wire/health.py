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

    nodesOnline: int  # noqa: N815 - the names on the wire
    buildsQueued: int  # noqa: N815
    activeBuilds: int  # noqa: N815
    buildsToday: int  # noqa: N815
    totalBuilds: int  # noqa: N815
    totalBuildTimeMs: int  # noqa: N815
    totalCpuCycles: float  # noqa: N815


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
