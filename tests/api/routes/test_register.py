"""Workers announce themselves, and sign off."""

from __future__ import annotations

from api.routes.workers import CAPABILITIES_BYTES, NAME_LENGTH
from tests.support.farm import Farm, good, refused

NOT_ENOUGH = (400, "Name and capabilities required")


async def test_new_worker_gets_an_id_and_the_base_image(farm: Farm) -> None:
    """21 characters, `registered`, idle and seen now; unknown fields are ignored."""
    body = {"name": "mac", "capabilities": {}, "publicIdentifier": "x", "active_build_count": 3}
    answer = good(await farm.post("/api/workers/register", body))
    assert list(answer) == ["id", "status", "baseImageId", "access_token"]
    assert len(answer["id"]) == 21
    assert answer["status"] == "registered"
    assert answer["baseImageId"] == "ghcr.io/sethwebster/expo-free-agent-base:0.1.23"
    row = await farm.worker(answer["id"])
    assert (row["status"], row["name"], row["capabilities"]) == ("idle", "mac", "{}")
    other = good(await farm.post("/api/workers/register", body))
    assert other["id"] != answer["id"]


async def test_name_and_capabilities_must_be_there(farm: Farm) -> None:
    """Empty objects and lists are capabilities; empty texts, null and numbers are no names."""
    for able in ({}, [], {"a": 1}, ["ios"], "any", 1, True):
        answer = await farm.post("/api/workers/register", {"name": "m", "capabilities": able})
        assert good(answer)["status"] == "registered", able
    for body in (
        None,
        {"name": "m"},
        {"capabilities": {}},
        {"name": "", "capabilities": {}},
        {"name": None, "capabilities": {}},
        {"name": 5, "capabilities": {}},
        {"name": "m", "capabilities": ""},
        {"name": "m", "capabilities": None},
        {"name": "m", "capabilities": 0},
        {"name": "m", "capabilities": False},
    ):
        assert refused(await farm.post("/api/workers/register", body)) == NOT_ENOUGH, body
    assert await farm.count("workers") == 7


async def test_known_id_is_taken_back(farm: Farm) -> None:
    """Same id, `re-registered`; counters and the running build are kept."""
    build_id, worker_id, lease = await farm.assigned()
    assert (await farm.upload(build_id, worker_id, lease=lease)).status_code == 200
    second = (await farm.submit())["id"]
    await farm.poll(worker_id)
    body = {"name": "mac", "capabilities": {"platforms": ["ios"]}, "id": worker_id}
    answer = good(await farm.post("/api/workers/register", body))
    assert (answer["id"], answer["status"]) == (worker_id, "re-registered")
    row = await farm.worker(worker_id)
    assert (row["status"], row["builds_completed"], row["serves"]) == ("building", 1, "ios")
    job = await farm.poll(worker_id)
    assert job is not None
    assert job["id"] == second


async def test_unknown_id_is_taken_over(farm: Farm) -> None:
    """The worker is made under the id it brings; an empty one is none."""
    for worker_id in ("my-mac_1", "A" * 128):
        body = {"name": "mac", "capabilities": {}, "id": worker_id}
        answer = good(await farm.post("/api/workers/register", body))
        assert (answer["id"], answer["status"]) == (worker_id, "registered")
    for nothing in ("", None, 0):
        body = {"name": "mac", "capabilities": {}, "id": nothing}
        assert len(good(await farm.post("/api/workers/register", body))["id"]) == 21


async def test_an_id_that_clients_refuse_is_refused(farm: Farm) -> None:
    """Other characters, other types, too long."""
    for strange in ("a b", "../x", "é", "a\0", "A" * 129, 5, ["x"], {"a": 1}, True):
        body = {"name": "mac", "capabilities": {}, "id": strange}
        answer = await farm.post("/api/workers/register", body)
        assert refused(answer) == (400, "Invalid worker id"), strange
    assert await farm.count("workers") == 0


async def test_names_and_capabilities_are_bounded(farm: Farm) -> None:
    """200 characters and 16 KiB are taken, one more is refused in words, and nothing stored."""
    room = CAPABILITIES_BYTES - len('{"x":""}')
    for name, pad in ((NAME_LENGTH, 1), (1, room)):
        await farm.register("é" * name, {"x": "p" * pad})
    known = await farm.count("workers")
    for name, pad, what in (
        (NAME_LENGTH + 1, 1, "The name of a worker has at most 200 characters"),
        (1, room + 1, "The capabilities of a worker have at most 16384 bytes of JSON"),
    ):
        body = {"name": "é" * name, "capabilities": {"x": "p" * pad}}
        assert refused(await farm.post("/api/workers/register", body)) == (400, what)
    assert await farm.count("workers") == known


async def test_unregister_returns_builds_to_the_queue(farm: Farm) -> None:
    """The worker is offline, its build pending again and given to the next one."""
    build_id, worker_id, lease = await farm.assigned()
    answer = good(await farm.post(f"/api/workers/{worker_id}/unregister"))
    assert answer == {"success": True, "message": "Worker unregistered", "builds_reassigned": 1}
    status = await farm.status(build_id)
    assert (status["status"], status["worker_id"], status["started_at"]) == ("pending", None, None)
    assert (await farm.worker(worker_id))["status"] == "offline"
    other = await farm.register()
    job = await farm.poll(other)
    assert job is not None
    assert (job["id"], job["attempt"]) == (build_id, 2)
    assert job["lease"] != lease
    again = good(await farm.post(f"/api/workers/{worker_id}/unregister"))
    assert again["builds_reassigned"] == 0


async def test_unregister_of_a_stranger_is_404(farm: Farm) -> None:
    """Whatever the id looks like."""
    for stranger in ("nobody", "A" * 500, "%20"):
        answer = await farm.post(f"/api/workers/{stranger}/unregister")
        assert refused(answer) == (404, "Worker not found")


async def test_register_brings_a_worker_back_from_offline(farm: Farm) -> None:
    """Idle again, and served."""
    worker_id = await farm.register()
    await farm.post(f"/api/workers/{worker_id}/unregister")
    assert await farm.register(id=worker_id) == worker_id
    assert (await farm.worker(worker_id))["status"] == "idle"
    build = await farm.submit()
    job = await farm.poll(worker_id)
    assert job is not None
    assert job["id"] == build["id"]
