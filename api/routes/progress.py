"""What workers tell while they build: log lines, heartbeats, telemetry."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import cast

import msgspec
from msgspec import UNSET

from actors.domain.build import ACTIVE
from actors.recorder.messages import Record, Sample, Sign
from api.errors import Refusal
from api.exchange import Outcome, Request, json_reply
from api.guards import find_build
from api.text import cut, storable
from api.wire import builds as shapes
from api.wire.workers import config_of

LEVELS = ("info", "warn", "error")
_BAD_LEVEL = "Invalid log level. Must be: info, warn, or error"
_BAD_BODY = "Invalid body. Expected { level, message } or { logs: [...] }"
_CPU_LIMIT = 1000.0
_MEMORY_LIMIT = 1_000_000.0


async def append_logs(request: Request) -> Outcome:
    """Store one line, or a batch in order; entries that are no lines are skipped."""
    body = request.fields()
    batch = body.get("logs")
    if isinstance(batch, list):
        entries = cast("list[object]", batch)
        if len(entries) > request.services.limits.max_log_batch:
            raise Refusal(413, "Too many log entries in one request")
        lines = [line for line in map(_line, entries) if line and line[0] in LEVELS]
        await _record(request, lines)
        answer = shapes.LogsStored(
            success=True, count=len(entries), cancelled=is_cancelled(request)
        )
        return json_reply(answer)
    line = _line(body)
    if line is None:
        raise Refusal(400, _BAD_BODY)
    if line[0] not in LEVELS:
        raise Refusal(400, _BAD_LEVEL)
    await _record(request, [line])
    return json_reply(shapes.LogsStored(success=True, count=UNSET, cancelled=is_cancelled(request)))


async def heartbeat(request: Request) -> Outcome:
    """Note a sign of life, and progress if it is told."""
    worker_id = request.query.get("worker_id", "")
    if not worker_id:
        raise Refusal(400, "worker_id required")
    build = request.build = await find_build(request)
    lease = request.headers.get("x-lease", "")
    if build.worker_id != worker_id or (lease and build.lease not in {None, lease}):
        raise Refusal(403, "Build not assigned to this worker")
    progress = request.fields().get("progress")
    lines: list[tuple[str, str]] = []
    if progress is not None:
        lines.append(("info", f"Build progress: {_plain(progress)}%"))
    await _record(request, lines, worker_id=worker_id)
    return json_reply(
        shapes.HeartbeatTaken(
            status="ok",
            timestamp=time.time_ns() // 1_000_000,
            cancelled=is_cancelled(request),
            config=config_of(build.controller_url),
        )
    )


async def telemetry(request: Request) -> Outcome:
    """Note what the virtual machine tells: a line, a sample, a sign of life."""
    body = request.fields()
    kind = _plain(body.get("type"))
    data = body.get("data")
    level = "info" if kind == "monitor_started" else "debug"
    sample = _sample(request.params["id"], _object(data)) if kind == "cpu_snapshot" else None
    await _record(request, [(level, _telemetry_line(kind, data))], sample=sample)
    return json_reply(shapes.TelemetryTaken(status="ok", cancelled=is_cancelled(request)))


async def _record(
    request: Request,
    lines: Sequence[tuple[str, str]],
    *,
    worker_id: str | None = None,
    sample: Sample | None = None,
) -> None:
    build = request.held_build()
    worker = worker_id or request.worker_id
    most = request.services.limits.max_log_line
    message = Record(
        build_id=build.id,
        lines=tuple((level, storable(cut(text, most))) for level, text in lines),
        sample=sample,
        sign=Sign(build_id=build.id, worker_id=worker, working=True),
    )
    await request.services.recorder.call_again(message, timeout=25.0)


def is_cancelled(request: Request) -> bool:
    """Whether the worker should give up: the build is not under way any more."""
    build = request.held_build()
    return build.worker_id is not None and build.status not in ACTIVE


def _line(entry: object) -> tuple[str, str] | None:
    """Return level and message of an entry that has both."""
    fields = _object(entry)
    level, message = fields.get("level"), fields.get("message")
    if not isinstance(level, str) or not level or not message or isinstance(message, dict | list):
        return None
    return level, _plain(message)


def _telemetry_line(kind: str, data: object) -> str:
    if kind == "monitor_started":
        return "[VM] Monitor started"
    if kind != "heartbeat":
        return f"[VM] {kind}: {msgspec.json.encode(data).decode()}"
    beat = _object(data)
    metrics = _object(beat.get("metrics"))
    cpu = _number(metrics.get("cpu_percent")) or 0.0
    memory, disk = (_plain(metrics.get(key) or 0) for key in ("memory_mb", "disk_percent"))
    return (
        f"[VM] Stage: {_plain(beat.get('stage'))} | CPU: {cpu:.1f}% | Mem: {memory}MB"
        f" | Disk: {disk}% | Beat: {_plain(beat.get('heartbeat_count'))}"
    )


def _sample(build_id: str, data: dict[str, object]) -> Sample | None:
    """Return a sample when both figures are numbers within bounds."""
    cpu, memory = _number(data.get("cpu_percent")), _number(data.get("memory_mb"))
    if cpu is None or memory is None:
        return None
    if not (0 <= cpu <= _CPU_LIMIT and 0 <= memory <= _MEMORY_LIMIT):
        return None
    return Sample(build_id=build_id, cpu_percent=cpu, memory_mb=memory)


def _object(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _number(value: object) -> float | None:
    """Read a number, or a string that holds one; NaN is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if number == number else None  # noqa: PLR0124 - NaN differs from itself


def _plain(value: object) -> str:
    """Write a JSON value as JavaScript would inside a text."""
    if isinstance(value, str):
        return value
    if value is None:
        return "undefined"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return msgspec.json.encode(value).decode()
