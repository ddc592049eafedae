"""Reports of workers about themselves, on the wire."""

from __future__ import annotations

from msgspec import Raw, Struct


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
    checks: Raw


class Reports(Struct):
    """Reports of a worker, newest first."""

    worker_id: str
    reports: list[Report]
