"""Bodies of callers that show no key, and callers that have closed their sending half."""

from __future__ import annotations

import json

import pytest
import trio

from api import decoding
from api.decoding import REPAIR_BYTES, is_deeper
from tests.support.farm import Farm, good, refused

MEBIBYTE = 1024 * 1024
OPEN_BYTES = 16 * 1024
HOSTILE = (
    b"[" + b"[1]," * (MEBIBYTE // 4 - 2) + b"1]",
    b'{"otp":"\\ud83d","a":[' + b'"\\ud83d",' * (MEBIBYTE // 9 - 8) + b"1]}",
    b"[" * MEBIBYTE,
)


async def _post(farm: Farm, path: str, body: bytes, **headers: str) -> tuple[int, str]:
    sent = {"X-API-Key": "", "Content-Type": "application/json"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return refused(await farm.ask("POST", path, sent, content=body))


async def test_large_bodies_of_strangers_are_refused_before_they_are_decoded(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six at once, by length or in chunks: 413 for each, nothing decoded, others served."""
    build_id, worker_id, _ = await farm.assigned()
    decoded: list[int] = []

    async def decode(data: bytes, _shape: object) -> object:
        decoded.append(len(data))
        return {}

    monkeypatch.setattr(decoding, "_decode", decode)
    ids = {"X_Worker_Id": worker_id, "X_Build_Id": build_id}

    async def attack(path: str, body: bytes, **headers: str) -> None:
        assert await _post(farm, path, body, **headers) == (413, "Request body is too large")

    async with trio.open_nursery() as nursery:
        for body in HOSTILE:
            nursery.start_soon(attack, f"/api/builds/{build_id}/authenticate", body)

            async def tell(body: bytes = body) -> None:
                await attack(f"/api/builds/{build_id}/telemetry", body, **ids)

            nursery.start_soon(tell)
        good(await farm.get("/health", x_api_key=""))
    assert await _in_chunks(farm, f"/api/builds/{build_id}/authenticate", OPEN_BYTES + 1) == 413
    assert await _in_chunks(farm, f"/api/builds/{build_id}/authenticate", OPEN_BYTES) == 400
    assert decoded == [OPEN_BYTES]


async def _in_chunks(farm: Farm, path: str, size: int) -> int:
    body = b"{" + b" " * (size - 2) + b"}"
    async with await trio.open_tcp_stream("127.0.0.1", farm.port) as stream:
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        await stream.send_all(head.encode() + b"%x\r\n%b\r\n0\r\n\r\n" % (size, body))
        return int((await stream.receive_some()).split()[1])


async def test_a_password_is_read_and_nothing_beside_it(farm: Farm) -> None:
    """Other fields are no matter; a value of another type, or none, is a missing one."""
    build = await farm.submit()
    worker_id = await farm.register()
    job = await farm.poll(worker_id)
    assert job is not None
    path = f"/api/builds/{build['id']}/authenticate"
    for body in (b"[]", b"5", b'{"otp":5}', b'{"otp":""}', b'{"a":1}', b'{"a":"\\ud83d"}', b""):
        assert await _post(farm, path, body) == (400, "Missing required parameter: otp"), body
    assert await _post(farm, path, b"{") == (400, "Bad Request")
    body = json.dumps({"otp": job["otp"], "more": {"x": [1]}}).encode()
    headers = {"X-API-Key": "", "Content-Type": "application/json"}
    assert good(await farm.ask("POST", path, headers, content=body))["vm_token"]


async def test_a_token_is_judged_before_its_body_and_then_as_good_as_the_key(farm: Farm) -> None:
    """A wrong one is 403 whatever follows; the right one brings batches that strangers may not."""
    build = await farm.submit()
    worker_id = await farm.register()
    job = await farm.poll(worker_id)
    assert job is not None
    path = f"/api/builds/{build['id']}"
    answer = await farm.post(f"{path}/authenticate", {"otp": job["otp"]})
    token = good(answer)["vm_token"]
    wrong = (403, "Invalid or expired VM token")
    assert await _post(farm, f"{path}/logs", b"{", **{"X-VM-Token": "x"}) == wrong
    batch = {"logs": [{"level": "info", "message": "x" * 1000}] * 50}
    stored = await farm.post(f"{path}/logs", batch, x_vm_token=token, x_api_key="")
    assert good(stored)["count"] == 50


async def test_large_bodies_are_repaired_in_a_thread(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a surrogate costs a large body nothing, and the event loop no work of Python."""
    threads: list[bool] = []
    repair = decoding._repair

    def watched(data: bytes) -> object:
        try:
            trio.lowlevel.current_task()
            threads.append(False)
        except RuntimeError:
            threads.append(True)
        return repair(data)

    monkeypatch.setattr(decoding, "_repair", watched)
    build_id, worker_id, _ = await farm.assigned()
    for size in (100, REPAIR_BYTES + 1):
        body = {"level": "info", "message": "\ud83d" + "x" * 10, "pad": "x" * size}
        good(await farm.post(f"/api/builds/{build_id}/logs", body, x_worker_id=worker_id))
    assert threads == [False, True]


def test_depth_is_counted_outside_of_texts() -> None:
    """Brackets in texts count for nothing, whatever is escaped there."""
    for text, depth in (
        ("[]", 1),
        ('{"a":[{"b":[]}]}', 4),
        ("[[],[[]],[]]", 3),
        ('["]","[[[[[",{"}":"\\"]}"}]', 2),
        ('[["\\\\"],"[[[\\\\\\"[["]', 2),
        (json.dumps([[f"[{n}" for n in range(100)]] * 100), 2),
        ("1", 0),
    ):
        json.loads(text)
        assert not is_deeper(text.encode(), depth), text
        assert depth == 0 or is_deeper(text.encode(), depth - 1), text


async def test_a_client_that_has_said_all_is_answered_at_both_doors(farm: Farm) -> None:
    """`nc -N`: a whole request and the end of the stream, one through Quart, one not."""
    worker_id = await farm.register()
    for path in ("/health", "/api/builds", f"/api/workers/poll?worker_id={worker_id}"):
        async with await trio.open_tcp_stream("127.0.0.1", farm.port) as stream:
            head = f"GET {path} HTTP/1.1\r\nHost: a\r\nX-API-Key: {farm.api_key}\r\n\r\n"
            await stream.send_all(head.encode())
            await stream.send_eof()
            answer = b""
            while data := await stream.receive_some():
                answer += data
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), path


async def test_a_poll_that_is_held_ends_with_its_client(farm: Farm) -> None:
    """Nobody is given work who has closed his sending half while he waits."""
    worker_id = await farm.register()
    stream = await trio.open_tcp_stream("127.0.0.1", farm.port)
    path = f"/api/workers/poll?worker_id={worker_id}&wait=60"
    await stream.send_all(
        f"GET {path} HTTP/1.1\r\nHost: a\r\nX-API-Key: {farm.api_key}\r\n\r\n".encode()
    )
    while not farm.parts.condition.held_polls.taken:
        await trio.testing.wait_all_tasks_blocked(0.001)
    await stream.send_eof()
    while farm.parts.condition.held_polls.taken:
        await trio.testing.wait_all_tasks_blocked(0.001)
    await stream.aclose()
    build = await farm.submit()
    assert (await farm.status(build["id"]))["status"] == "pending"
