"""kill -9 at the worst moment: what was acknowledged is there afterwards."""

from __future__ import annotations

import os
import random
import signal
import threading
from pathlib import Path

import httpx

from tests.support.installed import Program, gone, program

THREADS = 4


class Client(threading.Thread):
    """Submits builds and writes lines as fast as it can, until the controller is gone."""

    def __init__(self, started: Program, worker_id: str, enough: threading.Event) -> None:
        super().__init__()
        self.builds: list[str] = []
        self.lines: list[tuple[str, str]] = []
        self.failure: Exception | None = None
        self._program = started
        self._worker_id = worker_id
        self._enough = enough

    def run(self) -> None:
        """Work until a request fails."""
        try:
            while True:
                build_id = self._program.submit(os.urandom(200_000))
                self.builds.append(build_id)
                for number in range(3):
                    text = f"line {number} of {build_id}"
                    answer = self._program.post(
                        f"/api/builds/{build_id}/logs",
                        {"level": "info", "message": text},
                        X_Worker_Id=self._worker_id,
                        X_Build_Id=build_id,
                    )
                    answer.raise_for_status()
                    self.lines.append((build_id, text))
                    poll = {"worker_id": f"poller-{number}", "wait": "0"}
                    self._program.http.get(
                        "/api/workers/poll", params=poll, headers={"X-API-Key": self._program.key}
                    )
                if len(self.builds) > 2:
                    self._enough.set()
        except (httpx.TransportError, httpx.HTTPStatusError, OSError) as error:
            self.failure = error
            self._enough.set()


def test_every_acknowledged_build_and_line_survives(tmp_path: Path) -> None:
    """Killed in the middle of uploads, polls and lines; the next start finds all of it."""
    with program(tmp_path) as started:
        worker = {"id": "worker", "name": "w", "capabilities": {"cpu": 1}}
        started.post("/api/workers/register", worker).raise_for_status()
        children = started.children()
        enough = threading.Event()
        clients = [Client(started, "worker", enough) for _ in range(THREADS)]
        for client in clients:
            client.start()
        assert enough.wait(30)
        started.signal(signal.SIGKILL)
        for client in clients:
            client.join()
        assert started.ended() == -signal.SIGKILL
    failures = [client.failure for client in clients]
    assert all(isinstance(failure, httpx.TransportError) for failure in failures), failures
    assert all(gone(pid) for pid in children)
    builds = [build for client in clients for build in client.builds]
    lines = [line for client in clients for line in client.lines]
    assert len(builds) >= 3
    with program(tmp_path) as started:
        listed = {row["id"] for row in started.get("/api/builds").json()}
        assert set(builds) <= listed
        for build_id in builds:
            logs = started.get(f"/api/builds/{build_id}/logs").json()["logs"]
            found = [line["message"] for line in logs]
            wanted = [text for owner, text in lines if owner == build_id]
            assert [text for text in found if text.startswith("line")][: len(wanted)] == wanted
            assert found.count("Build submitted") == 1
        some = random.Random(1).choice(builds)
        assert started.get(f"/api/builds/{some}/status").json()["status"] == "pending"
