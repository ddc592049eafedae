"""Reports of workers about themselves, on the wire."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Raw, Struct


class SelfCheck(Struct):
    """What a worker found when it checked itself."""

    worker_id: str
    status: Literal["healthy", "warning", "critical"]
    duration_ms: float
    checks: list[Any]
    auto_fixed: bool = False


class ReportStored(Struct):
    """The report is kept under this id."""

    id: str
    status: str


class Report(Struct):
    """One report; `checks` as the worker sent them, `run_at` by our clock."""

    id: str
    worker_id: str
    status: str
    run_at: int
    duration_ms: int | float
    auto_fixed: bool
    checks: Raw  # a list, or what an older controller has taken


class Reports(Struct):
    """Reports of a worker, newest first."""

    worker_id: str
    reports: list[Report]
