"""Builds on the wire. Times are integer milliseconds since the epoch unless a field says ISO."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from api.wire.form import File
from api.wire.workers import WorkerConfig


class Submission(Struct):
    """Form of a submission. Other parts are read and dropped."""

    source: File
    platform: Literal["ios", "android"]
    certs: File | UnsetType = UNSET


class LogEntry(Struct):
    """One line. Its time is that of its arrival."""

    level: Literal["info", "warn", "error"]
    message: Annotated[str, Meta(min_length=1)]


class LogBatch(Struct):
    """Lines in order; an element that is no line is skipped, and counted all the same."""

    logs: list[LogEntry]


class Progress(Struct):
    """Sign of life of a build."""

    progress: float | UnsetType = UNSET


class Telemetry(Struct):
    """What a virtual machine tells. `data` of a `cpu_snapshot` or a `heartbeat` is looked into."""

    type: str
    timestamp: int | float | str | UnsetType = UNSET
    data: dict[str, Any] | UnsetType = UNSET


class Submitted(Struct):
    """Answer to a submission; the token opens status, logs and download of this one build."""

    id: str
    status: str
    submitted_at: int
    access_token: str


class Retried(Submitted):
    """Answer to a retry: a submission, and what it was made of."""

    original_build_id: str


class BuildDescribed(Struct):
    """One build in words; times are ISO 8601."""

    id: str
    platform: str
    status: str
    worker_id: str | None
    worker_name: str | None
    submitted_at: str
    createdAt: str
    updated_at: str
    error_message: str | None
    has_result: bool


class BuildStatistics(Struct):
    """How many builds there are by state; cancelled ones are not among those that failed."""

    total: int
    pending: int
    assigned: int
    building: int
    completed: int
    failed: int
    cancelled: int


class BuildListed(Struct):
    """One build of the list; `completedAt` is absent, never null, while it runs."""

    id: str
    status: str
    createdAt: str
    completedAt: str | UnsetType = UNSET


class BuildActive(Struct):
    """One build that is with a worker."""

    id: str
    status: str
    platform: str
    worker_id: str | None
    started_at: int | None


class BuildsActive(Struct):
    """All builds that are with a worker."""

    builds: list[BuildActive]


class BuildStatus(Struct):
    """Where a build stands; all keys always."""

    id: str
    status: str
    platform: str
    worker_id: str | None
    submitted_at: int
    started_at: int | None
    completed_at: int | None
    error_message: str | None


class LogLine(Struct):
    """One line, as it was stored."""

    timestamp: int
    level: str
    message: str


class BuildLogs(Struct):
    """All lines of a build, oldest first."""

    build_id: str
    logs: list[LogLine]


class LogsStored(Struct, omit_defaults=True):
    """Lines are stored; `count` is how many were sent in a batch."""

    success: bool
    count: int | UnsetType = UNSET
    cancelled: bool = False


class Cancelled(Struct):
    """The build is cancelled."""

    status: str = "cancelled"


class HeartbeatTaken(Struct, omit_defaults=True):
    """A sign of life is noted; `cancelled` tells the worker to give up."""

    status: str
    timestamp: int
    cancelled: bool = False
    config: WorkerConfig | UnsetType = UNSET


class TelemetryTaken(Struct, omit_defaults=True):
    """Telemetry is noted; `cancelled` as above."""

    status: str
    cancelled: bool = False
