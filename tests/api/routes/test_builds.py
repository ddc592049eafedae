"""Builds as their users see them: list, active, status, download, cancel, and the guard."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
import trio

from api.routes.builds import iso
from tests.support.farm import Farm, good, refused

NOWHERE = "x" * 21
KEYS = [
    "id",
    "status",
    "platform",
    "worker_id",
    "submitted_at",
    "started_at",
    "completed_at",
    "error_message",
]
USER_ROUTES = ("status", "logs", "download")


async def test_list_is_a_bare_array_newest_first(farm: Farm) -> None:
    """No paging, whatever the query says; `completedAt` only of finished builds."""
    assert good(await farm.get("/api/builds")) == []
    old, middle = await farm.submit(), await farm.submit()
    new, worker_id, _ = await farm.assigned_of(await farm.submit(platform="android"), "android")
    await farm.post(f"/api/builds/{old['id']}/cancel")
    await farm.upload(new, worker_id)
    listed = good(await farm.get("/api/builds?limit=1&status=failed"))
    assert [row["id"] for row in listed] == [new, middle["id"], old["id"]]
    assert [row["status"] for row in listed] == ["completed", "pending", "failed"]
    assert [set(row) for row in listed] == [
        {"id", "status", "createdAt", "completedAt"},
        {"id", "status", "createdAt"},
        {"id", "status", "createdAt", "completedAt"},
    ]
    for row in listed:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["createdAt"])
    assert listed[1]["createdAt"] == iso(middle["submitted_at"])


def test_iso_times_keep_their_milliseconds() -> None:
    """Down to the last one, and before the epoch of anything."""
    for at in (0, 1, 999, 1_769_601_600_007, 1_769_601_600_999):
        there = datetime.fromisoformat(iso(at))
        assert there.tzinfo == UTC
        assert round(there.timestamp() * 1000) == at


async def test_active_lists_what_is_with_a_worker(farm: Farm) -> None:
    """Assigned and building ones, with an integer start."""
    await farm.submit(platform="android")
    build_id, worker_id, _ = await farm.assigned_of(await farm.submit(), "ios")
    for state in ("assigned", "building"):
        (row,) = good(await farm.get("/api/builds/active"))["builds"]
        assert list(row) == ["id", "status", "platform", "worker_id", "started_at"]
        assert (row["id"], row["status"], row["worker_id"]) == (build_id, state, worker_id)
        assert isinstance(row["started_at"], int)
        await farm.post(f"/api/builds/{build_id}/heartbeat?worker_id={worker_id}")
    await farm.upload(build_id, worker_id)
    assert good(await farm.get("/api/builds/active")) == {"builds": []}


async def test_status_has_all_eight_keys_always(farm: Farm) -> None:
    """Null for what is not there yet; integers for times."""
    build = await farm.submit()
    status = await farm.status(build["id"])
    assert list(status) == KEYS
    nulls = {"worker_id", "started_at", "completed_at", "error_message"}
    assert {key for key, value in status.items() if value is None} == nulls
    worker_id = await farm.register()
    await farm.poll(worker_id)
    await farm.upload(build["id"], worker_id, None, "it broke")
    status = await farm.status(build["id"])
    assert list(status) == KEYS
    assert status["submitted_at"] <= status["started_at"] <= status["completed_at"]
    assert (status["status"], status["error_message"]) == ("failed", "it broke")
    assert refused(await farm.get(f"/api/builds/{NOWHERE}/status")) == (404, "Build not found")


@pytest.mark.parametrize("what", USER_ROUTES)
async def test_token_opens_its_own_build_and_nothing_else(farm: Farm, what: str) -> None:
    """The key opens whatever else is sent; a token alone its build; unknown builds look alike."""
    mine, other = await farm.submit(), await farm.submit()

    async def ask(build_id: str, key: str, token: str) -> tuple[int, str]:
        headers = {"X-API-Key": key, "X-Build-Token": token}
        answer = await farm.ask("GET", f"/api/builds/{build_id}/{what}", headers)
        return answer.status_code, answer.json().get("error", "")

    passes = (400, "Build not completed") if what == "download" else (200, "")
    token = mine["access_token"]
    bad = (403, "Invalid or expired build token")
    assert await ask(mine["id"], "", token) == passes
    assert await ask(mine["id"], farm.api_key, "nonsense") == passes
    assert await ask(mine["id"], "", "") == (401, "Missing X-API-Key or X-Build-Token header")
    assert await ask(mine["id"], "", other["access_token"]) == bad
    assert await ask(mine["id"], "", token[:-1]) == bad
    assert await ask(NOWHERE, "", token) == bad
    assert await ask("short", "", token) == bad
    assert await ask(mine["id"], "wrong", "") == (403, "Invalid API key")
    assert await ask(NOWHERE, farm.api_key, token) == (404, "Build not found")


async def test_token_opens_no_other_route(farm: Farm) -> None:
    """List, active, cancel, source: the key is missing."""
    build = await farm.submit()
    headers = {"X-API-Key": "", "X-Build-Token": build["access_token"], "X-Worker-Id": "w"}
    for method, path in (
        ("GET", "/api/builds"),
        ("GET", "/api/builds/active"),
        ("POST", f"/api/builds/{build['id']}/cancel"),
        ("POST", f"/api/builds/{build['id']}/logs"),
        ("GET", f"/api/builds/{build['id']}/source"),
    ):
        answer = await farm.ask(method, path, headers)
        assert refused(answer) == (401, "Missing X-API-Key header"), path


@pytest.mark.parametrize(("platform", "extension"), [("ios", "ipa"), ("android", "apk")])
async def test_download_gives_the_bytes_as_an_attachment(
    farm: Farm, platform: str, extension: str
) -> None:
    """Statuses in order, headers to the letter."""
    build_id, worker_id, _ = await farm.assigned(platform=platform)
    path = f"/api/builds/{build_id}/download"
    assert refused(await farm.get(path)) == (400, "Build not completed")
    await farm.upload(build_id, worker_id, b"an app" * 1000)
    response = await farm.get(path)
    assert (response.status_code, response.content) == (200, b"an app" * 1000)
    assert response.headers["content-type"] == "application/octet-stream"
    name = f'attachment; filename="{build_id}.{extension}"'
    assert response.headers["content-disposition"] == name
    assert response.headers["content-length"] == "6000"
    assert refused(await farm.get(f"/api/builds/{NOWHERE}/download")) == (404, "Build not found")


async def test_download_of_a_failed_build_is_not_completed(farm: Farm) -> None:
    """400, as for one that runs."""
    build_id, worker_id, _ = await farm.assigned()
    await farm.upload(build_id, worker_id, None)
    answer = await farm.get(f"/api/builds/{build_id}/download")
    assert refused(answer) == (400, "Build not completed")


async def test_download_without_a_recorded_result_is_404(farm: Farm) -> None:
    """A build that was completed without a file in our books."""
    build_id, worker_id, _ = await farm.assigned()
    await farm.upload(build_id, worker_id)
    await farm.parts.db.execute("delete from artifacts where kind = 'result'")
    answer = await farm.get(f"/api/builds/{build_id}/download")
    assert refused(answer) == (404, "Build result not found")


@pytest.mark.parametrize("harm", ["gone", "cut short"])
async def test_a_harmed_file_is_told_and_not_served(farm: Farm, harm: str) -> None:
    """500 with the text of the route, for source, certs and result."""
    build_id, worker_id, _ = await farm.assigned(certs=b"certificates")
    await farm.upload(build_id, worker_id, b"an app")
    for name in farm.files():
        path = farm.storage / name
        if harm == "gone":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:-1])
    for what, text in (
        ("source", "Failed to read source file"),
        ("certs", "Failed to read certs file"),
        ("download", "Failed to read build result"),
    ):
        answer = await farm.get(f"/api/builds/{build_id}/{what}", x_worker_id=worker_id)
        assert refused(answer) == (500, text)


async def test_large_result_is_served_whole_to_many_at_once(farm: Farm) -> None:
    """Three odd MiB, to five clients."""
    data = bytes(range(256)) * 13001
    build_id, worker_id, _ = await farm.assigned()
    await farm.upload(build_id, worker_id, data)

    async def fetch() -> None:
        assert (await farm.get(f"/api/builds/{build_id}/download")).content == data

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(fetch)


async def test_client_that_leaves_a_download_leaves_no_descriptor(farm: Farm) -> None:
    """Closed in the middle; the end of the test counts descriptors."""
    build_id, worker_id, _ = await farm.assigned()
    await farm.upload(build_id, worker_id, bytes(20_000_000))
    stream = await trio.open_tcp_stream("127.0.0.1", farm.port)
    head = (
        f"GET /api/builds/{build_id}/download HTTP/1.1\r\nHost: a\r\nX-API-Key: {farm.api_key}\r\n"
    )
    await stream.send_all(head.encode() + b"\r\n")
    assert (await stream.receive_some(100)).startswith(b"HTTP/1.1 200 OK")
    await stream.aclose()


@pytest.mark.parametrize("state", ["pending", "assigned", "building"])
async def test_cancel_ends_a_build(farm: Farm, state: str) -> None:
    """Failed with the text, its end is noted, its worker idle and not counted, its line written."""
    build_id = (await farm.submit())["id"]
    worker_id = await farm.register()
    if state != "pending":
        await farm.poll(worker_id)
    if state == "building":
        await farm.post(f"/api/builds/{build_id}/heartbeat?worker_id={worker_id}")
    answer = await farm.post(f"/api/builds/{build_id}/cancel", {})
    assert good(answer) == {"status": "cancelled"}
    status = await farm.status(build_id)
    assert (status["status"], status["error_message"]) == ("failed", "Build cancelled by user")
    assert status["completed_at"] is not None
    assert status["worker_id"] == (None if state == "pending" else worker_id)
    row = await farm.worker(worker_id)
    assert (row["status"], row["builds_completed"], row["builds_failed"]) == ("idle", 0, 0)
    assert ("info", "Build cancelled") in await farm.lines(build_id)
    assert await farm.poll(worker_id) is None
    assert good(await farm.get("/health"))["queue"] == {"pending": 0, "active": 0, "total": 0}


async def test_a_finished_build_is_not_cancelled(farm: Farm) -> None:
    """400, completed or cancelled before; an unknown one is 404."""
    build_id, worker_id, _ = await farm.assigned()
    await farm.upload(build_id, worker_id)
    cancelled = (await farm.submit())["id"]
    await farm.post(f"/api/builds/{cancelled}/cancel")
    for one in (build_id, cancelled):
        answer = await farm.post(f"/api/builds/{one}/cancel")
        assert refused(answer) == (400, "Build already finished")
    answer = await farm.post(f"/api/builds/{NOWHERE}/cancel")
    assert refused(answer) == (404, "Build not found")
    assert (await farm.status(build_id))["status"] == "completed"
