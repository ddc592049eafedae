"""What workers find when they check themselves: stored as sent, listed newest first."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest

from tests.support.farm import Farm, good, refused

REPORT = "/api/diagnostics/report"
NO_WORKER = (404, "Worker not found")
MISSING = (400, "Missing required fields: worker_id, status, duration_ms, checks")
CHECKS = [{"name": "disk", "status": "warn", "details": {"z": 1, "a": [None, True, 1.5]}}, 7]


async def report(farm: Farm, worker_id: str, **changes: object) -> str:
    """Send a good report; its id."""
    body = {"worker_id": worker_id, "status": "healthy", "duration_ms": 12, "checks": CHECKS}
    answer = good(await farm.post(REPORT, {**body, **changes}))
    assert list(answer) == ["id", "status"]
    assert answer["status"] == "stored"
    return str(uuid.UUID(answer["id"]))


async def listed(farm: Farm, worker_id: str, query: str = "") -> list[Any]:
    """Return the reports of a worker."""
    answer = good(await farm.get(f"/api/diagnostics/{worker_id}{query}"))
    assert answer["worker_id"] == worker_id
    return answer["reports"]


async def test_a_report_is_listed_as_it_was_sent(farm: Farm) -> None:
    """All keys, the checks to the letter, the time is ours."""
    worker_id = await farm.register()
    before = time.time_ns() // 1_000_000
    report_id = await report(farm, worker_id, status="critical", run_at=5, auto_fixed=True)
    (found,) = await listed(farm, worker_id)
    run_at = found.pop("run_at")
    assert abs(run_at - before) < 60_000
    assert found == {
        "id": report_id,
        "worker_id": worker_id,
        "status": "critical",
        "duration_ms": 12,
        "auto_fixed": True,
        "checks": CHECKS,
    }
    assert list(found["checks"][0]["details"]) == ["z", "a"]
    latest = good(await farm.get(f"/api/diagnostics/{worker_id}/latest"))
    assert latest == {**found, "run_at": run_at}


@pytest.mark.parametrize("missing", ["worker_id", "status", "duration_ms", "checks"])
async def test_every_field_must_be_there(farm: Farm, missing: str) -> None:
    """Absent, null or empty is missing; a duration of 0 and empty lists are there."""
    body = {
        "worker_id": await farm.register(),
        "status": "healthy",
        "duration_ms": 0,
        "checks": [],
    }
    good(await farm.post(REPORT, body))
    for value in (None, "", False):
        assert refused(await farm.post(REPORT, {**body, missing: value})) == MISSING
    del body[missing]
    assert refused(await farm.post(REPORT, body)) == MISSING
    assert refused(await farm.post(REPORT)) == MISSING


async def test_checks_come_in_the_order_of_the_contract(farm: Farm) -> None:
    """Fields, then status, then worker, then the kind of checks."""
    worker_id = await farm.register()
    bad = {"worker_id": "nobody", "status": "fine", "duration_ms": 1, "checks": {}}
    sentence = "Invalid status. Must be: healthy, warning, or critical"
    for status in ("fine", "HEALTHY", ["healthy"], {"a": 1}, 3):
        assert refused(await farm.post(REPORT, {**bad, "status": status})) == (400, sentence)
    bad["status"] = "warning"
    for unknown in ("nobody", "a b", "\0", 7, ["x"]):
        assert refused(await farm.post(REPORT, {**bad, "worker_id": unknown})) == NO_WORKER
        good_checks = {**bad, "worker_id": unknown, "checks": []}
        assert refused(await farm.post(REPORT, good_checks)) == NO_WORKER
    bad["worker_id"] = worker_id
    for checks in ({}, {"a": 1}, "text", 1):
        answer = await farm.post(REPORT, {**bad, "checks": checks})
        assert refused(answer) == (400, "checks must be an array")
    assert await listed(farm, worker_id) == []


async def test_auto_fixed_is_taken_by_its_truth(farm: Farm) -> None:
    """As JavaScript sees it; absent is false."""
    worker_id = await farm.register()
    await report(farm, worker_id)
    for sent in (None, False, 0, "", "no", [], {}, 1):
        await report(farm, worker_id, auto_fixed=sent)
    kept = [one["auto_fixed"] for one in await listed(farm, worker_id)]
    assert kept[::-1] == [False] * 5 + [True] * 4


async def test_a_duration_is_any_number(farm: Farm) -> None:
    """A whole one stays whole; what is no number is missing."""
    worker_id = await farm.register()
    for duration in (0, 12, 1.5, -3, 10**12):
        await report(farm, worker_id, duration_ms=duration)
        found = (await listed(farm, worker_id))[0]["duration_ms"]
        assert found == duration
        assert type(found) is type(duration)
    body = {"worker_id": worker_id, "status": "healthy", "checks": []}
    for duration in ("12", True, [], {}):
        assert refused(await farm.post(REPORT, {**body, "duration_ms": duration})) == MISSING


async def test_what_cannot_be_stored_is_replaced(farm: Farm) -> None:
    """NUL and half surrogates, in texts and keys."""
    worker_id = await farm.register()
    raw = (
        '{"worker_id": "%s", "status": "healthy", "duration_ms": 1, '
        '"checks": ["a\\u0000b", {"k\\ud800": "\\udfff"}]}'
    )
    answer = await farm.ask(
        "POST", REPORT, {"Content-Type": "application/json"}, content=raw % worker_id
    )
    good(answer)
    (found,) = await listed(farm, worker_id)
    assert found["checks"] == ["a\N{REPLACEMENT CHARACTER}b", {"k?": "?"}]


async def test_reports_are_listed_newest_first_up_to_the_limit(farm: Farm) -> None:
    """Ten without a limit, by its leading integer with one; 0 is none, negative is all."""
    worker_id, other = await farm.register(), await farm.register()
    ids = [await report(farm, worker_id) for _ in range(12)]
    await report(farm, other)
    newest = ids[::-1]
    for query, count in (
        ("", 10),
        ("?limit=", 10),
        ("?limit=3", 3),
        ("?limit=3x", 3),
        ("?limit=%2B2.9", 2),
        ("?limit= 4", 4),
        ("?limit=0", 0),
        ("?limit=-0", 0),
        ("?limit=-1", 12),
        ("?limit=100", 12),
        ("?limit=" + "9" * 40, 12),
    ):
        found = await listed(farm, worker_id, query)
        assert [one["id"] for one in found] == newest[:count], query
    latest = good(await farm.get(f"/api/diagnostics/{worker_id}/latest"))
    assert latest["id"] == newest[0]


async def test_a_limit_that_is_no_number_is_refused(farm: Farm) -> None:
    """400."""
    worker_id = await farm.register()
    for limit in ("ten", "x3", "-", "+", ".5"):
        answer = await farm.ask("GET", f"/api/diagnostics/{worker_id}", params={"limit": limit})
        assert refused(answer) == (400, "limit must be a number"), limit


async def test_unknown_workers_and_absent_reports_are_told_apart(farm: Farm) -> None:
    """404 both; a worker without reports has an empty list."""
    for unknown in ("nobody", "a%20b", "%00"):
        assert refused(await farm.get(f"/api/diagnostics/{unknown}")) == NO_WORKER
        assert refused(await farm.get(f"/api/diagnostics/{unknown}/latest")) == NO_WORKER
    worker_id = await farm.register()
    assert await listed(farm, worker_id) == []
    answer = await farm.get(f"/api/diagnostics/{worker_id}/latest")
    assert refused(answer) == (404, "No diagnostic reports found")
