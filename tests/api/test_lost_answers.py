"""A command was committed and its answer lost on the way: the repetition does no harm."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from actors.domain.errors import InterruptedJobError
from actors.store import queue
from tests.support.books import books_balance
from tests.support.farm import Farm, good

Command = Callable[..., Awaitable[Any]]


def lose(farm: Farm, monkeypatch: pytest.MonkeyPatch, command: str, how: str) -> list[object]:
    """Have the first answer of a statement lost; returns the answers that were there."""
    real: Command = getattr(queue, command)
    answers: list[object] = []

    async def losing(*args: object, **options: object) -> object:
        answers.append(await real(*args, **options))
        if len(answers) > 1:
            return answers[-1]
        if how == "connection cut":
            raise InterruptedJobError("cut")
        farm.kill("orchestration/queue_manager")
        return await trio.sleep_forever()

    monkeypatch.setattr(queue, command, losing)
    return answers


HOWS = pytest.mark.parametrize("how", ["actor killed", "connection cut"])


@HOWS
async def test_submission(farm: Farm, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """One build, its files are there, the token opens it."""
    answers = lose(farm, monkeypatch, "submit", how)
    build = await farm.submit(b"PK source", certs=b"c")
    assert len(answers) == 2
    path = f"/api/builds/{build['id']}"
    assert (await farm.get(f"{path}/source", x_worker_id="w")).content == b"PK source"
    good(await farm.get(f"{path}/status", x_api_key="", x_build_token=build["access_token"]))
    assert await farm.lines(build["id"]) == [("info", "Build submitted")]
    await books_balance(farm)


@HOWS
@pytest.mark.parametrize("result", [b"an app", None])
async def test_upload(
    farm: Farm, monkeypatch: pytest.MonkeyPatch, how: str, result: bytes | None
) -> None:
    """Counted once, the result is served."""
    build_id, worker_id, lease = await farm.assigned()
    answers = lose(farm, monkeypatch, "settle", how)
    good(await farm.upload(build_id, worker_id, result, lease=lease))
    assert len(answers) == 2
    if result is not None:
        assert (await farm.get(f"/api/builds/{build_id}/download")).content == result
    row = await farm.worker(worker_id)
    assert row["builds_completed"] + row["builds_failed"] == 1
    await books_balance(farm)


@HOWS
async def test_cancel(farm: Farm, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """Told as done, not as finished before."""
    build_id = (await farm.submit())["id"]
    answers = lose(farm, monkeypatch, "cancel", how)
    assert good(await farm.post(f"/api/builds/{build_id}/cancel")) == {"status": "cancelled"}
    assert len(answers) == 2
    assert [text for _, text in await farm.lines(build_id)].count("Build cancelled") == 1


@HOWS
async def test_poll(farm: Farm, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """The same build, its first attempt."""
    build_id, worker_id = (await farm.submit())["id"], await farm.register()
    answers = lose(farm, monkeypatch, "claim", how)
    job = await farm.poll(worker_id)
    assert job is not None
    assert (job["id"], job["attempt"]) == (build_id, 1)
    assert len(answers) == 2
    assert len(await farm.lines(build_id)) == 2


@HOWS
async def test_goodbye(farm: Farm, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """The build is in the queue once."""
    build_id, worker_id, _ = await farm.assigned()
    answers = lose(farm, monkeypatch, "unregister", how)
    answer = good(await farm.post(f"/api/workers/{worker_id}/unregister"))
    assert answer["success"] is True
    assert len(answers) == 2
    assert (await farm.status(build_id))["status"] == "pending"
    await books_balance(farm)
