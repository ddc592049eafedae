"""Builds and workers in figures: one build, all builds by state, one worker; and aliases."""

from __future__ import annotations

import re

from tests.support.farm import SOURCE, Farm, good, refused
from tests.support.form import Part, file

NOWHERE = "x" * 21
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
KEYS = [
    "id",
    "platform",
    "status",
    "worker_id",
    "worker_name",
    "submitted_at",
    "createdAt",
    "updated_at",
    "error_message",
    "has_result",
]
NOT_FOUND = (404, "Build or file not found")


async def test_submit_has_a_second_address(farm: Farm) -> None:
    """POST on the list is the same as submit, its refusals included."""
    parts = [file("source", SOURCE), Part("platform", "ios")]
    answer = good(await farm.send_form("/api/builds", *parts))
    assert list(answer) == ["id", "status", "submitted_at", "access_token"]
    assert (await farm.status(answer["id"]))["status"] == "pending"
    refusal = await farm.send_form("/api/builds", Part("platform", "ios"))
    assert refused(refusal) == (400, "Source file required")


async def test_a_build_is_described_with_all_keys(farm: Farm) -> None:
    """Absent values are null; times are ISO 8601; the last change is told."""
    build_id = (await farm.submit(platform="android"))["id"]
    fresh = good(await farm.get(f"/api/builds/{build_id}"))
    assert list(fresh) == KEYS
    assert (fresh["id"], fresh["platform"], fresh["status"]) == (build_id, "android", "pending")
    assert fresh["submitted_at"] == fresh["createdAt"] == fresh["updated_at"]
    assert ISO.fullmatch(fresh["createdAt"])
    assert not any(fresh[key] for key in ("worker_id", "worker_name", "error_message"))
    assert fresh["has_result"] is False
    worker_id = await farm.register("my mac")
    await farm.poll(worker_id)
    await farm.upload(build_id, worker_id)
    ended = good(await farm.get(f"/api/builds/{build_id}"))
    assert (ended["worker_id"], ended["worker_name"]) == (worker_id, "my mac")
    assert (ended["status"], ended["has_result"]) == ("completed", True)
    assert ended["updated_at"] >= ended["submitted_at"]


async def test_a_failed_build_is_described_with_its_reason(farm: Farm) -> None:
    """And without a result."""
    build_id, worker_id, _ = await farm.assigned()
    await farm.upload(build_id, worker_id, None, "it broke")
    found = good(await farm.get(f"/api/builds/{build_id}"))
    assert (found["error_message"], found["has_result"]) == ("it broke", False)


async def test_an_unknown_build_is_not_described(farm: Farm) -> None:
    """404, whatever the id looks like; a build token does not open it."""
    for build_id in (NOWHERE, "short", "%00", "a%20b"):
        assert refused(await farm.get(f"/api/builds/{build_id}")) == (404, "Build not found")
    build = await farm.submit()
    headers = {"X-API-Key": "", "X-Build-Token": build["access_token"]}
    answer = await farm.ask("GET", f"/api/builds/{build['id']}", headers)
    assert refused(answer) == (401, "Missing X-API-Key header")


async def test_statistics_count_by_state_and_add_up(farm: Farm) -> None:
    """Cancelled builds are counted apart from failed ones, though they are `failed` elsewhere."""
    keys = ["total", "pending", "assigned", "building", "completed", "failed", "cancelled"]
    empty = good(await farm.get("/api/builds/statistics"))
    assert empty == dict.fromkeys(keys, 0)
    assert list(empty) == keys
    for end in ("completed", "failed"):
        build_id, worker_id, _ = await farm.assigned()
        await farm.upload(build_id, worker_id, b"" if end == "completed" else None)
    await farm.assigned()
    build_id, worker_id, _ = await farm.assigned()
    await farm.post(f"/api/builds/{build_id}/heartbeat?worker_id={worker_id}")
    for _ in range(2):
        await farm.post(f"/api/builds/{(await farm.submit())['id']}/cancel")
    for _ in range(3):
        await farm.submit()
    found = good(await farm.get("/api/builds/statistics"))
    assert found == dict(zip(keys, (9, 3, 1, 1, 1, 1, 2), strict=True))


async def test_download_by_type_gives_result_or_source(farm: Farm) -> None:
    """As attachments of plain bytes, to the key and to the token of the build."""
    build = await farm.submit(platform="android")
    build_id, worker_id, _ = await farm.assigned_of(build, "android")
    await farm.upload(build_id, worker_id, b"an app")
    for kind, data, name in (
        ("result", b"an app", f"{build_id}.apk"),
        ("source", SOURCE, f"{build_id}.zip"),
    ):
        for headers in ({}, {"X-API-Key": "", "X-Build-Token": build["access_token"]}):
            path = f"/api/builds/{build_id}/download/{kind}"
            answer = await farm.ask("GET", path, headers)
            assert (answer.status_code, answer.content) == (200, data)
            assert answer.headers["content-type"] == "application/octet-stream"
            assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'


async def test_download_by_type_has_its_own_refusals(farm: Farm) -> None:
    """Another type 400; an unknown build, no result, a lost file: one 404."""
    build = await farm.submit()
    path = f"/api/builds/{build['id']}/download"
    for kind in ("certs", "RESULT", "nothing"):
        assert refused(await farm.get(f"{path}/{kind}")) == (400, "Invalid file type")
    assert refused(await farm.get(f"{path}/result")) == NOT_FOUND
    for unknown in (NOWHERE, "short"):
        answer = await farm.get(f"/api/builds/{unknown}/download/source")
        assert refused(answer) == NOT_FOUND
    (farm.storage / farm.files()[0]).unlink()
    assert refused(await farm.get(f"{path}/source")) == NOT_FOUND
    answer = await farm.ask("GET", f"{path}/source", {"X-API-Key": "", "X-Build-Token": "wrong"})
    assert refused(answer) == (403, "Invalid or expired build token")


async def test_public_stats_are_the_stats_without_a_key(farm: Farm) -> None:
    """The same body, from the same ten seconds."""
    await farm.submit()
    first = await farm.ask("GET", "/public/stats", {"X-API-Key": ""})
    assert good(first)["buildsQueued"] == 1
    await farm.submit()
    second = await farm.ask("GET", "/api/stats", {"X-API-Key": ""})
    assert second.content == first.content


async def test_worker_stats_tell_counts_and_uptime(farm: Farm) -> None:
    """The two largest units of the time since it registered."""
    worker_id = await farm.register("my mac")
    row: dict[str, object] = {}
    for seconds, uptime in (
        (0, r"\d+s"),
        (90, r"1m \d+s"),
        (3600 + 120, "1h 2m"),
        (2 * 86400 + 3 * 3600, "2d 3h"),
    ):
        await farm.parts.db.execute(
            "update workers set builds_completed = 3, builds_failed = 2, "
            "registered_at = now() - make_interval(secs => $1)",
            seconds,
        )
        row = good(await farm.get(f"/api/workers/{worker_id}/stats"))
        assert re.fullmatch(uptime, str(row.pop("uptime")))
    assert row == {
        "totalBuilds": 5,
        "successfulBuilds": 3,
        "failedBuilds": 2,
        "workerName": "my mac",
        "status": "idle",
    }


async def test_an_unknown_worker_has_no_stats(farm: Farm) -> None:
    """404."""
    for worker_id in ("nobody", "%00", "a%20b"):
        answer = await farm.get(f"/api/workers/{worker_id}/stats")
        assert refused(answer) == (404, "Worker not found")


async def test_the_second_prefix_has_the_new_routes_too(farm: Farm) -> None:
    """`/api/v2` is the same API."""
    build_id = (await farm.submit())["id"]
    for path in (f"builds/{build_id}", "builds/statistics", "workers/config"):
        one, two = await farm.get(f"/api/{path}"), await farm.get(f"/api/v2/{path}")
        assert (one.status_code, one.content) == (200, two.content)
    good(await farm.post(f"/api/v2/builds/{build_id}/retry"))
