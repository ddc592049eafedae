"""What workers tell while they build: logs, heartbeat, telemetry, and the guards of those."""

from __future__ import annotations

from typing import Any

import pytest

from supervisors.events import ChildStarted
from tests.support.farm import Farm, good, refused

NOWHERE = "x" * 21
BAD_BODY = "Invalid body. Expected { level, message } or { logs: [...] }"
BAD_LEVEL = "Invalid log level. Must be: info, warn, or error"
TEXTS = ("a\0b", "\ud83d", "\udc00x", "é\u2028😀", "\x1b[31m", "x" * 100_000, "null")
"""Texts that a database, a terminal or a decoder may choke on."""


async def told(farm: Farm, build_id: str) -> list[tuple[str, str]]:
    """Return the lines that came after the assignment."""
    return (await farm.lines(build_id))[2:]


async def row(farm: Farm, build_id: str) -> dict[str, Any]:
    """Return state and last sign of life of a build."""
    found = await farm.parts.db.fetchrow(
        "select b.status, t.last_sign_at from builds b left join attempts t on t.build_id = b.id"
        " and t.attempt = b.attempt where b.id = $1",
        build_id,
    )
    assert found is not None
    return dict(found)


async def test_one_line_is_stored(farm: Farm) -> None:
    """Each of the three levels; the answer says no more than success."""
    build_id, worker_id, _ = await farm.assigned()
    path = f"/api/builds/{build_id}/logs"
    for level in ("info", "warn", "error"):
        answer = await farm.post(path, {"level": level, "message": level}, x_worker_id=worker_id)
        assert good(answer) == {"success": True}
    assert await told(farm, build_id) == [("info", "info"), ("warn", "warn"), ("error", "error")]


async def test_a_batch_is_stored_in_order_and_all_of_it_counted(farm: Farm) -> None:
    """Entries that are no lines are skipped, and counted as well."""
    build_id, worker_id, _ = await farm.assigned()
    lines = [{"level": "info", "message": f"line {i}"} for i in range(50)]
    strange: list[object] = [
        {"level": "debug", "message": "x"},
        {"level": "", "message": "x"},
        {"level": "info", "message": ""},
        {"level": "info"},
        {"level": 5, "message": "x"},
        None,
        "text",
        [],
    ]
    body = {"logs": [*strange, *lines], "level": "warn", "message": "not this one"}
    answer = await farm.post(f"/api/builds/{build_id}/logs", body, x_worker_id=worker_id)
    assert good(answer) == {"success": True, "count": 58}
    assert await told(farm, build_id) == [("info", f"line {i}") for i in range(50)]
    answer = await farm.post(f"/api/builds/{build_id}/logs", {"logs": []}, x_worker_id=worker_id)
    assert good(answer) == {"success": True, "count": 0}


async def test_no_line_at_all_is_refused(farm: Farm) -> None:
    """The text says what is expected; a strange level has a text of its own."""
    build_id, worker_id, _ = await farm.assigned()
    path = f"/api/builds/{build_id}/logs"
    for body in (None, {}, {"level": "info"}, {"message": "x"}, {"level": "info", "message": ""}):
        answer = await farm.post(path, body, x_worker_id=worker_id)
        assert refused(answer) == (400, BAD_BODY), body
    for level in ("debug", "INFO", "warning"):
        answer = await farm.post(path, {"level": level, "message": "x"}, x_worker_id=worker_id)
        assert refused(answer) == (400, BAD_LEVEL), level
    assert await told(farm, build_id) == []


async def test_lines_of_every_state_are_taken(farm: Farm) -> None:
    """Pending from anybody, finished from its worker."""
    build = await farm.submit()
    path = f"/api/builds/{build['id']}/logs"
    body = {"level": "info", "message": "x"}
    assert good(await farm.post(path, body, x_worker_id="nobody")) == {"success": True}
    worker_id = await farm.register()
    await farm.poll(worker_id)
    assert good(await farm.post(path, body, x_worker_id=worker_id)) == {"success": True}
    await farm.upload(build["id"], worker_id)
    answer = good(await farm.post(path, body, x_worker_id=worker_id))
    assert answer == {"success": True, "cancelled": True}
    assert [text for _, text in await farm.lines(build["id"])].count("x") == 3


async def test_strange_texts_are_stored_everywhere(farm: Farm) -> None:
    """NUL and half surrogates are replaced, the very long is cut; nothing crashes."""
    build_id, worker_id, _ = await farm.assigned()
    path = f"/api/builds/{build_id}"
    ids = {"x_worker_id": worker_id, "x_build_id": build_id}
    for text in TEXTS:
        logs = {"logs": [{"level": "info", "message": text}]}
        good(await farm.post(f"{path}/logs", logs, **ids))
        good(await farm.post(f"{path}/logs", logs["logs"][0], **ids))
        good(await farm.post(f"{path}/heartbeat?worker_id={worker_id}", {"progress": text}))
        body = {"type": text, "timestamp": text, "data": {text: [text]}}
        good(await farm.post(f"{path}/telemetry", body, **ids))
        short = text[:150]
        named = {"name": f"mac {short}", "capabilities": {short: {"x": short}}, "id": "strange"}
        good(await farm.post("/api/workers/register", named))
    stored = [text for level, text in await farm.lines(build_id) if level == "info"]
    for text in (
        "a\ufffdb",
        "é\u2028😀",
        "\x1b[31m",
        "x" * 65_536 + " [34464 characters cut]",
        "null",
        "Build progress: null%",
    ):
        assert text in stored
    assert all(event.generation == 1 for event in farm.events.of(ChildStarted))
    assert good(await farm.get("/ready")) == {"ready": True, "why": None}


async def test_heartbeat_is_a_sign_of_life(farm: Farm) -> None:
    """`ok` with the time, the build is building, progress becomes a line."""
    build_id, worker_id, _ = await farm.assigned()
    assert (await row(farm, build_id))["last_sign_at"] is None
    path = f"/api/builds/{build_id}/heartbeat?worker_id={worker_id}"
    answer = good(await farm.post(path))
    assert set(answer) == {"status", "timestamp"}
    assert answer["status"] == "ok"
    assert isinstance(answer["timestamp"], int)
    found = await row(farm, build_id)
    assert found["status"] == "building"
    assert found["last_sign_at"] is not None
    for progress in (0, 42, 42.5, 100.0):
        good(await farm.post(path, {"progress": progress}))
    texts = [f"Build progress: {n}%" for n in ("0", "42", "42.5", "100")]
    assert await told(farm, build_id) == [("info", text) for text in texts]


async def test_heartbeat_is_judged_in_order(farm: Farm) -> None:
    """No worker, no build, another worker, another lease."""
    build_id, worker_id, lease = await farm.assigned()
    path = f"/api/builds/{build_id}/heartbeat"
    assert refused(await farm.post(path)) == (400, "worker_id required")
    assert refused(await farm.post(f"{path}?worker_id=")) == (400, "worker_id required")
    nowhere = f"/api/builds/{NOWHERE}/heartbeat?worker_id={worker_id}"
    assert refused(await farm.post(nowhere)) == (404, "Build not found")
    other = (403, "Build not assigned to this worker")
    assert refused(await farm.post(f"{path}?worker_id=other")) == other
    own = f"{path}?worker_id={worker_id}"
    assert refused(await farm.post(own, x_lease="old")) == other
    assert good(await farm.post(own, x_lease=lease))["status"] == "ok"
    pending = (await farm.submit())["id"]
    answer = await farm.post(f"/api/builds/{pending}/heartbeat?worker_id={worker_id}")
    assert refused(answer) == other


@pytest.mark.parametrize("what", ["logs", "source", "certs"])
async def test_worker_guard_lets_the_worker_of_the_build_in(farm: Farm, what: str) -> None:
    """No id 401, no build 404, another's 403, an old lease 403; X-Build-Id says nothing."""
    build_id, worker_id, lease = await farm.assigned(certs=b"c")
    method = "POST" if what == "logs" else "GET"
    how = {"json": {"level": "info", "message": "x"}} if what == "logs" else {}

    async def ask(build: str, **headers: str) -> tuple[int, str]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await farm.ask(method, f"/api/builds/{build}/{what}", sent, **how)
        return (200, "") if answer.status_code == 200 else refused(answer)

    assert await ask(build_id) == (401, "Missing X-Worker-Id header")
    assert await ask(NOWHERE, x_worker_id=worker_id) == (404, "Build not found")
    refusal = (403, "Worker not authorized for this build")
    assert await ask(build_id, x_worker_id="other") == refusal
    assert await ask(build_id, x_worker_id=worker_id, x_lease="old") == refusal
    assert await ask(build_id, x_worker_id=worker_id, x_lease=lease, x_build_id="?") == (200, "")
    pending = (await farm.submit(certs=b"c"))["id"]
    assert await ask(pending, x_worker_id="nobody knows me") == (200, "")


async def test_source_and_certs_come_with_their_headers(farm: Farm) -> None:
    """`application/zip` exactly, and the names; no certificates are 404."""
    build_id, worker_id, _ = await farm.assigned(source=b"PK s", certs=b"PK c")
    for what, name, data in (("source", "", b"PK s"), ("certs", "-certs", b"PK c")):
        response = await farm.get(f"/api/builds/{build_id}/{what}", x_worker_id=worker_id)
        assert (response.status_code, response.content) == (200, data)
        assert response.headers["content-type"] == "application/zip"
        wanted = f'attachment; filename="{build_id}{name}.zip"'
        assert response.headers["content-disposition"] == wanted
    assert (await row(farm, build_id))["status"] == "assigned"
    bare = (await farm.submit())["id"]
    answer = await farm.get(f"/api/builds/{bare}/certs", x_worker_id=worker_id)
    assert refused(answer) == (404, "Certs not found")


async def test_telemetry_needs_no_key_but_both_ids(farm: Farm) -> None:
    """The strict guard, in order, with and without the key."""
    build_id, worker_id, lease = await farm.assigned()
    pending = (await farm.submit())["id"]

    async def ask(build: str, key: str, **headers: str) -> tuple[int, str]:
        sent = {"x_api_key": key, **headers}
        answer = await farm.post(f"/api/builds/{build}/telemetry", {"type": "t"}, **sent)
        return (200, "") if answer.status_code == 200 else refused(answer)

    both = {"x_worker_id": worker_id, "x_build_id": build_id}
    for headers in ({}, {"x_worker_id": worker_id}, {"x_build_id": build_id}):
        assert await ask(build_id, "", **headers) == (401, "Missing X-API-Key header")
    assert await ask(build_id, "wrong", **both) == (403, "Invalid API key")
    key = farm.api_key
    assert await ask(build_id, key, x_build_id=build_id) == (401, "Missing X-Worker-Id header")
    assert await ask(build_id, key, x_worker_id="w") == (401, "Missing X-Build-Id header")
    mismatch = (403, "X-Build-Id header does not match build ID in URL")
    other = (403, "Worker not assigned to this build")
    for known in (key, ""):
        assert await ask(pending, known, **both) == mismatch
        strange = {"x_worker_id": worker_id, "x_build_id": NOWHERE}
        assert await ask(NOWHERE, known, **strange) == (404, "Build not found")
        foreign = {"x_worker_id": "other", "x_build_id": build_id}
        assert await ask(build_id, known, **foreign) == other
        waiting = {"x_worker_id": worker_id, "x_build_id": pending}
        assert await ask(pending, known, **waiting) == other
        assert await ask(build_id, known, **both, x_lease="old") == other
        assert await ask(build_id, known, **both, x_lease=lease) == (200, "")
        assert await ask(build_id, known, **both) == (200, "")


async def test_telemetry_becomes_a_line_and_a_sign_of_life(farm: Farm) -> None:
    """The texts to the letter; `info` for the start of the monitor, else `debug`."""
    build_id, worker_id, _ = await farm.assigned()
    metrics = {"cpu_percent": 12.345, "memory_mb": 2048, "disk_percent": 7, "processes": 3}
    beat = {"heartbeat_count": 4, "stage": "pods", "metrics": metrics, "uptime_seconds": 9}
    ids = {"x_worker_id": worker_id, "x_build_id": build_id, "x_api_key": ""}
    for kind, data in (
        ("monitor_started", {}),
        ("heartbeat", beat),
        ("heartbeat", {"stage": "s", "heartbeat_count": 1}),
        ("disk", {"b": [1, 2], "a": {"é": None}}),
    ):
        body = {"type": kind, "timestamp": 1, "data": data}
        answer = await farm.post(f"/api/builds/{build_id}/telemetry", body, **ids)
        assert good(answer) == {"status": "ok"}
    assert await told(farm, build_id) == [
        ("info", "[VM] Monitor started"),
        ("debug", "[VM] Stage: pods | CPU: 12.3% | Mem: 2048MB | Disk: 7% | Beat: 4"),
        ("debug", "[VM] Stage: s | CPU: 0.0% | Mem: 0MB | Disk: 0% | Beat: 1"),
        ("debug", '[VM] disk: {"b":[1,2],"a":{"é":null}}'),
    ]
    assert (await row(farm, build_id))["status"] == "building"


async def test_snapshots_are_stored_within_their_bounds(farm: Farm) -> None:
    """0..1000 and 0..1000000, numeric texts count; anything else is `ok` and not stored."""
    build_id, worker_id, _ = await farm.assigned()
    ids = {"x_worker_id": worker_id, "x_build_id": build_id}
    taken = [(0, 0), (1000, 1_000_000), ("12.5", "512"), (3.5, 100)]
    left: list[tuple[object, object]] = [(-0.1, 1), (1000.1, 1), (1, 1_000_001), (1, -1)]
    left += [("x", 1), (None, 1), (1, None), ([], 1), (True, 1), ("nan", 1), ("inf", 1)]
    left += [("", 1), ("1e999", 1), (10**400, 1)]
    for cpu, memory in (*taken, *left):
        data = {"cpu_percent": cpu, "memory_mb": memory}
        body = {"type": "cpu_snapshot", "timestamp": 1, "data": data}
        answer = await farm.post(f"/api/builds/{build_id}/telemetry", body, **ids)
        assert good(answer) == {"status": "ok"}, data
    stored = await farm.parts.db.fetch(
        "select cpu_percent c, memory_mb m from cpu_samples order by id"
    )
    assert [(r["c"], r["m"]) for r in stored] == [
        (0, 0),
        (1000, 1_000_000),
        (12.5, 512),
        (3.5, 100),
    ]


async def test_telemetry_without_an_object_is_taken(farm: Farm) -> None:
    """No body, no data, data of another type: `ok`, and nothing crashes."""
    build_id, worker_id, _ = await farm.assigned()
    ids = {"x_worker_id": worker_id, "x_build_id": build_id}
    bodies: list[object] = [None, {}, {"type": "heartbeat"}, {"type": "cpu_snapshot", "data": 5}]
    bodies += [{"type": ["x"], "data": "y"}, {"type": "heartbeat", "data": {"metrics": [1]}}]
    bodies += [{"type": "heartbeat", "data": {"metrics": {"cpu_percent": "x", "memory_mb": {}}}}]
    for body in bodies:
        answer = await farm.post(f"/api/builds/{build_id}/telemetry", body, **ids)
        assert good(answer) == {"status": "ok"}, body


async def test_a_worker_hears_that_its_build_is_over(farm: Farm) -> None:
    """`cancelled` in the answers to heartbeat, telemetry and logs."""
    build_id, worker_id, lease = await farm.assigned()
    ids = {"x_worker_id": worker_id, "x_build_id": build_id, "x_lease": lease}
    path = f"/api/builds/{build_id}"

    async def answers() -> list[dict[str, Any]]:
        return [
            good(await farm.post(f"{path}/heartbeat?worker_id={worker_id}", x_lease=lease)),
            good(await farm.post(f"{path}/telemetry", {"type": "t"}, **ids)),
            good(await farm.post(f"{path}/logs", {"level": "info", "message": "x"}, **ids)),
        ]

    assert all("cancelled" not in answer for answer in await answers())
    await farm.post(f"{path}/cancel")
    assert all(answer["cancelled"] is True for answer in await answers())
    assert (await farm.status(build_id))["error_message"] == "Build cancelled by user"
