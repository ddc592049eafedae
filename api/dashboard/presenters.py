"""From rows to what the page prints; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

SHORT = 8
"""As much of an id everybody may see: too little to be of use."""
_MINUTE = 60
_HOUR = 3600
_DAY = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRow:
    """A build as the page shows it."""

    id: str
    short_id: str
    platform: str
    status: str
    worker: str
    submitted: str
    duration: str
    finished: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    """A worker as the page shows it."""

    id: str
    name: str
    status: str
    capabilities: str
    completed: int
    failed: int
    last_seen: str


def build_row(row: Mapping[str, Any], now: int) -> BuildRow:
    """Present a build; `now` and the times in the row are milliseconds since the epoch."""
    started, ended = row["started_at"], row["completed_at"]
    took = "" if started is None else span(((ended or now) - started) / 1000)
    return BuildRow(
        id=row["id"],
        short_id=row["id"][:SHORT],
        platform=row["platform"],
        status=row["status"],
        worker=row["worker_name"] or "",
        submitted=moment(row["submitted_at"]),
        duration=took,
        finished=row["status"] == "completed",
    )


def worker_row(row: Mapping[str, Any], now: int) -> WorkerRow:
    """Present a worker."""
    return WorkerRow(
        id=row["id"],
        name=row["name"],
        status=row["status"],
        capabilities=capabilities(row["capabilities"]),
        completed=row["builds_completed"],
        failed=row["builds_failed"],
        last_seen=f"{span((now - row['last_seen_at']) / 1000)} ago",
    )


def capabilities(value: object) -> str:
    """Name platforms and Xcode, or whatever a worker says of itself, in one short line."""
    if not isinstance(value, dict):
        return ""
    known = cast("dict[str, object]", value)
    platforms = known.get("platforms")
    listed = cast("list[object]", platforms) if isinstance(platforms, list) else []
    parts = [str(name) for name in listed]
    if xcode := known.get("xcode_version"):
        parts.append(f"Xcode {xcode}")
    return ", ".join(parts)


def span(seconds: float) -> str:
    """Write a time span by its two largest units."""
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m {whole % _MINUTE}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h {whole % _HOUR // _MINUTE}m"
    return f"{whole // _DAY}d {whole % _DAY // _HOUR}h"


def moment(at: int) -> str:
    """Write a time as UTC, to the second."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
