"""Liveness and readiness tell the truth: at the start, in an outage, in a drain, at the end."""

from __future__ import annotations

import httpx
import pytest
import trio

from supervisors.exits import KILLED, SHUTDOWN
from tests.support.farm import Farm, good


async def truth(farm: Farm) -> tuple[int, str | None]:
    """Return status and reason of the readiness."""
    answer = await farm.get("/ready", x_api_key="")
    return answer.status_code, answer.json()["why"]


async def test_while_the_tree_starts_it_lives_and_is_not_ready(farm: Farm) -> None:
    """Nobody restarts it, and nobody sends it work."""
    root, farm.parts.control.root = farm.parts.control.root, None
    assert good(await farm.get("/live", x_api_key="")) == {"live": True, "uptime": 0.0}
    assert await truth(farm) == (503, "starting")
    farm.parts.control.root = root
    assert await truth(farm) == (200, None)


async def test_in_an_outage_it_lives_and_is_not_ready(farm: Farm) -> None:
    """A restart would not bring the database back; when it is, all is ready."""
    opened, farm.parts.db.open = farm.parts.db.open, 0
    assert good(await farm.get("/live", x_api_key=""))["live"] is True
    assert await truth(farm) == (503, "the database is away")
    farm.parts.db.open = opened
    assert await truth(farm) == (200, None)


async def test_a_database_that_hangs_is_told_in_time(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks has limits of its own."""
    monkeypatch.setattr("api.routes.health.READY_SECONDS", 0.1)

    async def hang(_db: object) -> None:
        await trio.sleep_forever()

    with monkeypatch.context() as patch:
        patch.setattr("actors.store.builds.queue_counts", hang)
        assert await truth(farm) == (503, "the database has not answered in 0.1 s")
    assert await truth(farm) == (200, None)


async def test_in_a_drain_it_lives_and_is_not_ready(farm: Farm) -> None:
    """It is about to stop in order."""
    farm.parts.note_draining(True)  # noqa: FBT003 - the one fact it takes
    assert await truth(farm) == (503, "draining")
    assert good(await farm.get("/live", x_api_key=""))["live"] is True
    farm.parts.note_draining(False)  # noqa: FBT003 - as above


async def test_without_the_root_nobody_answers(farm: Farm) -> None:
    """HTTP does not outlive the tree: a killed root takes the endpoint with it."""
    endpoint = next(one for one in farm.root.runtime.processes if one.path == "endpoint")
    farm.root.kill()
    await endpoint.join()
    with pytest.raises(httpx.TransportError), trio.fail_after(5):
        await farm.http.get("/live", timeout=1)
    while not farm.ends:
        await trio.testing.wait_all_tasks_blocked(0.001)
    assert farm.ends == [KILLED]
    farm.ends[:] = [SHUTDOWN]  # what the fixture expects of the others
