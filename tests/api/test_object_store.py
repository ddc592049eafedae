"""The whole controller with its artifacts in a real object store."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest
import trio

from actors.domain.ids import new_id
from actors.storage import objects
from actors.store.database import ConnectOptions
from tests.support.farm import Farm, farming, good, refused
from tests.support.form import Part, file
from tests.support.seaweed import BUCKET, Seaweed, seaweed, surroundings

__all__ = ["seaweed", "surroundings"]  # fixtures

AWAY = (503, "The artifact storage is away. Try again.")
DATA = random.Random(1).randbytes(12_000_000)


@pytest.fixture
async def remote(
    database_options: ConnectOptions, tmp_path: Path, surroundings: Seaweed, logged: object
) -> AsyncIterator[Farm]:
    """Run a controller on a prefix of its own."""
    del surroundings, logged
    url = f"s3://{BUCKET}/{new_id()}"
    async with farming(database_options, tmp_path, storage_url=url) as running:
        yield running


async def stored(farm: Farm) -> set[str]:
    """Return what lies in the bucket."""
    return set(await trio.to_thread.run_sync(lambda: list(farm.parts.store.locations(-1))))


async def test_a_build_goes_its_whole_way(remote: Farm) -> None:
    """Source and certificates up and down, a result in parts, ranges of it; nothing on disk."""
    build_id, worker_id, _ = await remote.assigned(source=b"PK source", certs=b"PK certs")
    for what, data in (("source", b"PK source"), ("certs", b"PK certs")):
        answer = await remote.get(f"/api/builds/{build_id}/{what}", x_worker_id=worker_id)
        assert answer.content == data
    assert good(await remote.upload(build_id, worker_id, DATA)) == {"status": "success"}
    path = f"/api/builds/{build_id}/download"
    answer = await remote.get(path)
    assert sha256(answer.content).digest() == sha256(DATA).digest()
    answer = await remote.get(path, range="bytes=5000000-")
    assert (answer.status_code, answer.content) == (206, DATA[5_000_000:])
    assert len(await stored(remote)) == 3
    assert remote.files() == []
    where = good(await remote.get("/health"))["storage"]["path"]
    assert where.startswith(f"s3://{BUCKET}/")


async def test_refused_and_broken_uploads_leave_nothing(
    remote: Farm, surroundings: Seaweed
) -> None:
    """Neither objects nor parts."""
    answer = await remote.send_form("/api/builds/submit", file("source", DATA))
    assert refused(answer) == (400, "Valid platform required (ios|android)")
    stream = await remote.begin_form("/api/builds/submit")
    await stream.send_all(file("source", DATA).encoded())
    await stream.aclose()
    while remote.sinks() or await trio.to_thread.run_sync(surroundings.unfinished):
        await trio.testing.wait_all_tasks_blocked(0.01)  # the abort runs beside us, untold
    assert await stored(remote) == set()


@pytest.mark.usefixtures("expect_errors")
async def test_a_store_that_is_away_is_503(remote: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    """For uploads and downloads, small and large; all the rest goes on, and it comes back."""
    build_id, worker_id, _ = await remote.assigned()
    with monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        patch.setattr(objects, "RETRIES", 0)
        store, away = remote.parts.store, objects.ObjectStore(f"s3://{BUCKET}")
        assert isinstance(store, objects.ObjectStore)
        back, store._store = store._store, away._store
        for source in (b"small", DATA):
            parts = (file("source", source), Part("platform", "ios"))
            answer = await remote.send_form("/api/builds/submit", *parts)
            assert refused(answer) == AWAY
            assert "retry-after" in answer.headers
        answer = await remote.get(f"/api/builds/{build_id}/source", x_worker_id=worker_id)
        assert refused(answer) == AWAY
        assert (await remote.status(build_id))["status"] == "assigned"
        store._store = back
    assert good(await remote.upload(build_id, worker_id, b"an app")) == {"status": "success"}
