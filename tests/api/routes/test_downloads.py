"""Downloads that break are resumed; what a client has is not sent again."""

from __future__ import annotations

import os
import random
from base64 import b64encode
from hashlib import sha256

import pytest
import trio

from tests.support.farm import Farm, refused

DATA = random.Random(1).randbytes(3_000_000)
TAG = f'"{sha256(DATA).hexdigest()}"'


@pytest.fixture
async def path(farm: Farm) -> str:
    """Have a result; its path."""
    build_id, worker_id, _ = await farm.assigned()
    await farm.upload(build_id, worker_id, DATA)
    return f"/api/builds/{build_id}/download"


async def test_headers_tell_what_it_is(farm: Farm, path: str) -> None:
    """Its tag and digest, its length, that parts may be asked for; and that it is private."""
    for method in ("GET", "HEAD"):
        response = await farm.ask(method, path)
        assert response.status_code == 200
        assert response.content == (DATA if method == "GET" else b"")
        headers = response.headers
        assert headers["content-length"] == str(len(DATA))
        assert headers["etag"] == TAG
        assert headers["repr-digest"] == f"sha-256=:{b64encode(sha256(DATA).digest()).decode()}:"
        assert headers["accept-ranges"] == "bytes"
        assert headers["cache-control"] == "private, no-cache"
        assert "content-range" not in headers


async def test_a_range_is_206(farm: Farm, path: str) -> None:
    """From the front, the middle and the end, with its place."""
    size = len(DATA)
    for header, start, stop in (
        ("bytes=0-0", 0, 1),
        ("bytes=1000000-2999999", 1_000_000, size),
        ("bytes=2500000-", 2_500_000, size),
        ("bytes=-100", size - 100, size),
    ):
        response = await farm.get(path, range=header)
        assert response.status_code == 206
        assert response.content == DATA[start:stop]
        assert response.headers["content-length"] == str(stop - start)
        assert response.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
        assert response.headers["etag"] == TAG


async def test_a_range_past_the_end_is_416(farm: Farm, path: str) -> None:
    """With the size."""
    response = await farm.get(path, range=f"bytes={len(DATA)}-")
    assert refused(response) == (416, "Range Not Satisfiable")
    assert response.headers["content-range"] == f"bytes */{len(DATA)}"


async def test_what_the_client_has_is_304(farm: Farm, path: str) -> None:
    """Without a body, with the tag."""
    for method in ("GET", "HEAD"):
        response = await farm.ask(method, path, {"If-None-Match": TAG})
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["etag"] == TAG


async def test_another_tag_is_all_of_it(farm: Farm, path: str) -> None:
    """A client that resumes something else begins anew."""
    response = await farm.get(path, range="bytes=5-", if_range='"something else"')
    assert (response.status_code, response.content) == (200, DATA)


async def test_sources_and_certs_have_ranges_too(farm: Farm) -> None:
    """Workers resume as users do."""
    build_id, worker_id, _ = await farm.assigned(source=b"0123456789", certs=b"certificates")
    for what, data in (("source", b"0123456789"), ("certs", b"certificates")):
        where = f"/api/builds/{build_id}/{what}"
        response = await farm.get(where, x_worker_id=worker_id, range="bytes=3-")
        assert (response.status_code, response.content) == (206, data[3:])


async def begun(farm: Farm, path: str, at: int, wanted: int) -> bytes:
    """Ask for the rest from `at`, take about `wanted` bytes of it, and break the connection."""
    stream = await trio.open_tcp_stream("127.0.0.1", farm.port)
    head = f"GET {path} HTTP/1.1\r\nHost: a\r\nX-API-Key: {farm.api_key}\r\n"
    head += f"Range: bytes={at}-\r\nIf-Range: {TAG}\r\n\r\n"
    await stream.send_all(head.encode())
    taken = b""
    async with stream:
        while (end := taken.find(b"\r\n\r\n")) < 0 or len(taken) < end + 4 + wanted:
            piece = await stream.receive_some(65536)
            if not piece:
                break
            taken += piece
    assert taken.startswith(b"HTTP/1.1 206 "), taken[:200]
    return taken[taken.find(b"\r\n\r\n") + 4 :]


async def test_a_broken_download_is_resumed(farm: Farm, path: str) -> None:
    """Cut at random places, put together again: the same bytes."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    cuts = random.Random(seed)
    whole = b""
    while len(whole) < len(DATA):
        left = len(DATA) - len(whole)
        whole += await begun(farm, path, len(whole), min(left, cuts.randint(1, 900_000)))
    assert sha256(whole).hexdigest() == sha256(DATA).hexdigest()


async def test_a_client_that_leaves_closes_the_file_at_once(farm: Farm) -> None:
    """However much was still to come."""
    build_id, worker_id, _ = await farm.assigned()
    await farm.upload(build_id, worker_id, bytes(30_000_000))
    (stored,) = [farm.storage / name for name in farm.files() if name.startswith("result")]

    def is_open() -> bool:
        links = (f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd"))  # noqa: PTH208
        return any(os.path.realpath(link) == str(stored.resolve()) for link in links)

    stream = await trio.open_tcp_stream("127.0.0.1", farm.port)
    head = f"GET /api/builds/{build_id}/download HTTP/1.1\r\nHost: a\r\n"
    await stream.send_all(f"{head}X-API-Key: {farm.api_key}\r\n\r\n".encode())
    assert await stream.receive_some(100)
    assert is_open()
    await stream.aclose()
    while is_open():
        await trio.testing.wait_all_tasks_blocked(0.001)
