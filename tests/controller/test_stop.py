"""Signals: an ordered stop, an impatient one, one in the middle of the start."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import httpx
import pytest
import trio

from tests.support.installed import Program, end, free_port, gone, program

CLEAN = "database system is shut down"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder whose database is made once for all tests here."""
    return tmp_path_factory.mktemp("stop")


def held_polls(started: Program) -> int:
    """Ask the tree how many workers wait."""
    nodes = [started.get("/debug/tree").json()]
    while nodes:
        node = nodes.pop()
        if node["id"] == "queue_manager":
            return int(node["facts"]["waiting_workers"])
        nodes += node["children"]
    return 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything_in_order(folder: Path, number: int) -> None:
    """Exit code 0, no process left, the database closed in order, no complaint."""
    with program(folder) as started:
        children = started.children()
        assert children
        assert started.stop(number) == 0
    assert all(gone(pid) for pid in children)
    assert CLEAN in started.log.splitlines()[-1]
    assert "rror" not in started.errors, started.errors
    assert "Traceback" not in started.errors


async def test_a_held_poll_is_answered_before_the_end(folder: Path) -> None:
    """A worker that waits is told that there is no work, and the stop does not wait for it."""
    with program(folder) as started:
        worker_id = started.post(
            "/api/workers/register", {"name": "one", "capabilities": {"cpu": 1}}
        ).json()["id"]
        answers: list[httpx.Response] = []
        headers = {"X-API-Key": started.key}
        async with (
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{started.port}", timeout=60) as client,
            trio.open_nursery() as nursery,
        ):

            async def poll() -> None:
                query = {"worker_id": worker_id, "wait": "60"}
                answers.append(await client.get("/api/workers/poll", params=query, headers=headers))

            nursery.start_soon(poll)
            while held_polls(started) == 0:
                await trio.lowlevel.checkpoint()
            assert started.stop() == 0
        assert answers[0].json() == {"job": None}


def test_a_second_signal_waits_for_nothing(folder: Path) -> None:
    """An impatient operator gets an end at once; the database is whole after it."""
    with program(folder, STOP_SECONDS="600") as started:
        build_id = started.submit()
        children = started.children()
        request = b"POST /api/builds/submit HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
        key = f"X-API-Key: {started.key}\r\n".encode()
        kind = b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
        stream = started.http._transport._pool._network_backend.connect_tcp(
            "127.0.0.1", started.port
        )
        stream.write(request + key + kind)
        started.signal(signal.SIGTERM)
        while "controller.stopping" not in started.errors:
            time.sleep(0.01)
        started.signal(signal.SIGTERM)
        assert started.ended() == 0
        stream.close()
    assert all(gone(pid) for pid in children)
    assert "Traceback" not in started.errors
    with program(folder) as started:
        assert started.get(f"/api/builds/{build_id}/status").json()["status"] == "pending"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_the_first_start_leaves_nothing_half_made(
    tmp_path: Path, number: int
) -> None:
    """Stopped while the database is being made: exit code 0, no process, and it starts later."""
    started = Program(tmp_path, free_port())
    lock = tmp_path / "data" / "postgres.sock"
    while not lock.exists() and not list(tmp_path.glob("data/postgres.new-*")):
        assert started.process.poll() is None, started.errors
        time.sleep(0.005)
    children = started.children()
    assert started.stop(number) == 0, started.errors
    assert all(gone(pid) for pid in children)
    assert "Traceback" not in started.errors
    if number == signal.SIGTERM:
        with program(tmp_path) as later:
            assert later.get("/api/builds").json() == []
    end(started)
