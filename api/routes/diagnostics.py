"""What workers find when they check themselves."""

from __future__ import annotations

import math
import re
import uuid
from typing import cast

import msgspec
from msgspec import Raw

from actors.domain.ids import is_worker_id
from actors.store import diagnostics, workers
from actors.store.diagnostics import Finding
from actors.store.patience import through_outage
from api.errors import Refusal
from api.exchange import Outcome, Request, json_reply
from api.text import storable_json
from api.wire import diagnostics as shapes

STATUSES = frozenset({"healthy", "warning", "critical"})
DEFAULT_LIMIT = 10
_MOST = 2**31 - 1
_NUMBER = re.compile(r"\s*([+-]?[0-9]+)")
_MISSING = "Missing required fields: worker_id, status, duration_ms, checks"
_BAD_STATUS = "Invalid status. Must be: healthy, warning, or critical"


async def report(request: Request) -> Outcome:
    """Keep a report, with the time at which it came."""
    body = request.fields()
    worker_id, status, checks = body.get("worker_id"), body.get("status"), body.get("checks")
    duration = _milliseconds(body.get("duration_ms"))
    if not (truthy(worker_id) and truthy(status) and truthy(checks)) or duration is None:
        raise Refusal(400, _MISSING)
    if not isinstance(status, str) or status not in STATUSES:
        raise Refusal(400, _BAD_STATUS)
    if not isinstance(checks, list):
        raise await _refusal_of_checks(request, worker_id)
    finding = Finding(
        id=uuid.uuid4(),
        worker_id=_known_form(worker_id),
        status=status,
        duration_ms=duration,
        auto_fixed=truthy(body.get("auto_fixed")),
        checks=msgspec.json.encode(storable_json(cast("object", checks))).decode(),
    )
    if not await through_outage(lambda: diagnostics.report(request.services.db, finding)):
        raise Refusal(404, "Worker not found")
    return json_reply(shapes.ReportStored(str(finding.id), "stored"))


async def _refusal_of_checks(request: Request, worker_id: object) -> Refusal:
    """Refuse checks that are no list; an unknown worker is told of first."""
    if await workers.worker_stats(request.services.db, _known_form(worker_id)) is None:
        return Refusal(404, "Worker not found")
    return Refusal(400, "checks must be an array")


async def list_reports(request: Request) -> Outcome:
    """List the newest reports of a worker."""
    limit = _limit(request.query.get("limit", ""))
    worker_id, found = await _reports(request, limit)
    return json_reply(shapes.Reports(worker_id, [_shape(one) for one in found]))


async def latest(request: Request) -> Outcome:
    """Return the newest report of a worker."""
    _, found = await _reports(request, 1)
    if not found:
        raise Refusal(404, "No diagnostic reports found")
    return json_reply(_shape(found[0]))


async def _reports(request: Request, limit: int | None) -> tuple[str, list[diagnostics.Report]]:
    worker_id = _known_form(request.params["id"])
    found = await diagnostics.reports(request.services.db, worker_id, limit)
    if found is None:
        raise Refusal(404, "Worker not found")
    return worker_id, found


def truthy(value: object) -> bool:
    """Whether JavaScript takes a JSON value for true: empty lists and objects are."""
    return isinstance(value, list | dict) or bool(value)


def _known_form(worker_id: object) -> str:
    if not isinstance(worker_id, str) or not is_worker_id(worker_id):
        raise Refusal(404, "Worker not found")
    return worker_id


def _milliseconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _limit(text: str) -> int | None:
    """Read a limit by its leading integer; None, for all, when it is negative."""
    if not text:
        return DEFAULT_LIMIT
    match = _NUMBER.match(text)
    if match is None:
        raise Refusal(400, "limit must be a number")
    digits = match[1]
    if digits.startswith("-") and digits.strip("-0"):
        return None
    return int(digits) if len(digits) < len(str(_MOST)) else _MOST


def _shape(one: diagnostics.Report) -> shapes.Report:
    whole = one.duration_ms.is_integer()
    return shapes.Report(
        id=str(one.id),
        worker_id=one.worker_id,
        status=one.status,
        run_at=one.run_at,
        duration_ms=int(one.duration_ms) if whole else one.duration_ms,
        auto_fixed=one.auto_fixed,
        checks=Raw(one.checks.encode()),
    )
