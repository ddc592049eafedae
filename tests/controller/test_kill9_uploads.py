"""kill -9 in the middle of uploads, again and again on one folder: every row has its bytes.

`KILL_ROUNDS=50` does it fifty times.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import threading
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import httpx

from tests.support.form import MULTIPART, Part, body_of, file
from tests.support.installed import Program, gone, program

ROUNDS = int(os.environ.get("KILL_ROUNDS", "2"))
UPLOADERS = 3


class Uploader(threading.Thread):
    """Submits until the controller is gone; tells when one upload has come as far as it was told.

    `acknowledged` maps builds to the digests of their sources.
    """

    def __init__(self, started: Program, seed: int, far_enough: threading.Event) -> None:
        super().__init__()
        self.acknowledged: dict[str, bytes] = {}
        self._port = started.port
        self._key = started.key
        self._chance = random.Random(seed)
        self._far_enough = far_enough

    def run(self) -> None:
        """Upload until a connection breaks; from the third on, one will be killed at a cut."""
        with suppress(OSError):
            while self._upload(kill=len(self.acknowledged) >= 2):
                pass
        self._far_enough.set()

    def _upload(self, *, kill: bool) -> bool:
        source = self._chance.randbytes(self._chance.randint(0, 12_000_000))
        body = body_of(file("source", source), Part("platform", "ios"))
        cut = self._chance.randint(0, len(body))
        head = (
            f"POST /api/builds/submit HTTP/1.1\r\nHost: a\r\nX-API-Key: {self._key}\r\n"
            f"Content-Type: {MULTIPART}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", self._port), timeout=30) as wire:
            wire.sendall(head.encode() + body[:cut])
            if kill:
                self._far_enough.set()
                if self._chance.random() < 0.7:  # most are killed in the middle
                    return bool(wire.recv(1))
            wire.sendall(body[cut:])
            answer = b""
            while piece := wire.recv(65536):
                answer += piece
        if not answer.startswith(b"HTTP/1.1 200 "):
            return False
        build_id = httpx.Response(200, content=answer.partition(b"\r\n\r\n")[2]).json()["id"]
        self.acknowledged[build_id] = sha256(source).digest()
        return True


def one_round(folder: Path, seed: int) -> dict[str, bytes]:
    """Start, upload, kill; what was acknowledged."""
    far_enough = threading.Event()
    with program(folder) as started:
        children = started.children()
        uploaders = [Uploader(started, seed + n, far_enough) for n in range(UPLOADERS)]
        for uploader in uploaders:
            uploader.start()
        assert far_enough.wait(60)
        started.signal(signal.SIGKILL)
        for uploader in uploaders:
            uploader.join()
        assert started.ended() == -signal.SIGKILL
    assert all(gone(pid) for pid in children)
    return {k: v for uploader in uploaders for k, v in uploader.acknowledged.items()}


def verified(started: Program, acknowledged: dict[str, bytes]) -> int:
    """Hold the bytes of every build against its row, and against what was sent; how many."""
    headers = {"X-API-Key": started.key, "X-Worker-Id": "nobody"}
    listed = [row["id"] for row in started.get("/api/builds").json()]
    assert set(acknowledged) <= set(listed)
    for build_id in listed:
        answer = started.http.get(f"/api/builds/{build_id}/source", headers=headers)
        answer.raise_for_status()
        digest = sha256(answer.content).digest()
        assert answer.headers["etag"] == f'"{digest.hex()}"'
        assert acknowledged.get(build_id, digest) == digest
    return len(listed)


def test_every_row_has_its_bytes_after_every_kill(tmp_path: Path) -> None:
    """Also builds whose answer was lost; and what was cut off is swept at the next start."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    acknowledged: dict[str, bytes] = {}
    incoming = tmp_path / "data" / "storage" / "incoming"
    swept = 0
    for number in range(ROUNDS):
        acknowledged |= one_round(tmp_path, seed + UPLOADERS * number)
        swept += len(list(incoming.iterdir()))
        with program(tmp_path) as started:
            builds = verified(started, acknowledged)
        assert list(incoming.iterdir()) == []
        print(
            f"kill {number + 1}: {len(acknowledged)} acknowledged, {builds} builds verified, "
            f"{swept} cut off and swept"
        )
