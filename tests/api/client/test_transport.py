"""The client on real sockets: streaming, errors, and what is left after a cancel."""

from __future__ import annotations

import hashlib
import tracemalloc
from pathlib import Path

import pytest
import trio

from api.client import ApiError, Client, ControllerUnreachableError, Grant
from tests.support.fake_controller import KEY, parts_of
from tests.support.fake_http import Asked, Given, Handler, HangUpError, answer, fake_server

MIB = 1 << 20
SUBMITTED = {"id": "b1", "status": "pending", "submitted_at": 1, "access_token": "t"}


async def _failing_with(handler: Handler) -> ApiError:
    async with fake_server(handler) as server, Client(server.url, KEY) as client:
        with pytest.raises(ApiError) as caught:
            await client.status("b1")
    return caught.value


async def test_a_submission_carries_its_files_platform_and_key(tmp_path: Path) -> None:
    """The form has the parts of the contract, the headers the key and the repeatable identity."""
    seen: list[Asked] = []
    (tmp_path / "s").write_bytes(b"\r\n--source\r\n")
    (tmp_path / "c").write_bytes(b"")

    async def handler(asked: Asked) -> Given:
        seen.append(asked)
        return answer(SUBMITTED)

    async with fake_server(handler) as server, Client(server.url, KEY) as client:
        got = await client.submit(
            tmp_path / "s", "ios", certs=tmp_path / "c", idempotency_key="once"
        )
    assert (got.id, got.access_token) == ("b1", "t")
    assert parts_of(seen[0]) == {"platform": b"ios", "source": b"\r\n--source\r\n", "certs": b""}
    assert seen[0].headers["idempotency-key"] == "once"
    assert seen[0].headers["x-api-key"] == KEY
    assert seen[0].headers["content-length"] == str(seen[0].size)


async def test_large_files_pass_through_in_bounded_memory(tmp_path: Path) -> None:
    """Sending and fetching 48 MiB takes a few MiB of memory, and no byte is lost."""
    block, count = bytes(range(256)) * 4096, 48
    path = tmp_path / "big"
    with path.open("wb") as file:
        file.writelines([block] * count)
    sizes: list[int] = []

    async def handler(asked: Asked) -> Given:
        sizes.append(asked.size)
        if asked.method == "GET":
            return Given(200, (block for _ in range(count)), declared=count * MIB)
        return answer({"status": "success"})

    async with fake_server(handler) as server, Client(server.url, KEY) as client:
        tracemalloc.start()
        await client.upload(Grant("b1", "w1", "l1"), path)
        digest = await client.download("b1", tmp_path / "back")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert count * MIB < sizes[0] < count * MIB + 2000
    assert digest == hashlib.sha256(block * count).hexdigest()
    assert (tmp_path / "back").stat().st_size == count * MIB
    assert peak < 12 * MIB


async def test_a_refusal_carries_status_text_and_wait() -> None:
    """An error answer becomes `ApiError` with the controller's own words."""

    async def handler(_: Asked) -> Given:
        return answer({"error": "Database away", "cancelled": True}, 503, retry_after="7")

    error = await _failing_with(handler)
    assert (error.status, error.text, error.retry_after) == (503, "Database away", 7.0)
    assert error.is_passing
    assert error.is_taken_away


async def test_a_refusal_without_json_says_the_reason_phrase() -> None:
    """Something between us and the controller may answer in HTML."""

    async def handler(_: Asked) -> Given:
        return Given(502, b"<html>", {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"})

    error = await _failing_with(handler)
    assert (error.status, error.text, error.retry_after) == (502, "Said So", None)


@pytest.mark.parametrize("body", [b"nonsense", b'{"id":7}', b"\xff"])
async def test_an_answer_that_makes_no_sense_is_no_answer(body: bytes) -> None:
    """A 200 that cannot be decoded counts as an unreachable controller."""

    async def handler(_: Asked) -> Given:
        return Given(200, body)

    async with fake_server(handler) as server, Client(server.url, KEY) as client:
        with pytest.raises(ControllerUnreachableError):
            await client.status("b1")


async def test_a_connection_that_breaks_is_an_unreachable_controller(tmp_path: Path) -> None:
    """Closed without an answer, closed inside a body, and not there at all are the same error."""

    async def handler(asked: Asked) -> Given:
        if asked.path.endswith("/status"):
            raise HangUpError
        return Given(200, iter([b"half"]), declared=8)

    async with fake_server(handler) as server, Client(server.url, KEY) as client:
        with pytest.raises(ControllerUnreachableError):
            await client.status("b1")
        with pytest.raises(ControllerUnreachableError):
            await client.download("b1", tmp_path / "half")
        await server.down()
        with pytest.raises(ControllerUnreachableError):
            await client.health()


async def test_a_cancelled_exchange_leaves_the_client_usable(tmp_path: Path) -> None:
    """Cancelling an upload or a download in the middle closes that connection and no other."""
    path = tmp_path / "big"
    path.write_bytes(bytes(4 * MIB))
    reached = trio.Event()

    async def handler(asked: Asked) -> Given:
        if asked.path == "/health":
            return answer({"status": "ok"})
        reached.set()
        await trio.sleep_forever()
        raise HangUpError

    async with fake_server(handler) as server, Client(server.url, KEY) as client:
        for call in (
            lambda: client.upload(Grant("b1", "w1"), path),
            lambda: client.download("b1", tmp_path / "back"),
        ):
            reached = trio.Event()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(call)
                await reached.wait()
                nursery.cancel_scope.cancel()
        assert await client.health() == {"status": "ok"}


async def test_a_worker_proves_its_grant_with_every_write() -> None:
    """Worker, build and lease travel as headers; the heartbeat's worker in the query as well."""
    seen: list[Asked] = []

    async def handler(asked: Asked) -> Given:
        seen.append(asked)
        return answer({"status": "ok", "cancelled": asked.path.endswith("/heartbeat")})

    grant = Grant("b1", "w1", "l1")
    async with fake_server(handler) as server, Client(server.url, KEY) as client:
        assert (await client.heartbeat(grant, 50)).cancelled
        assert not (await client.telemetry(grant, "cpu_snapshot", {"cpu_percent": 1})).cancelled
        await client.append_logs(grant, [])
        await client.upload(grant, error="no")
    for asked in seen:
        proof = {name: asked.headers[f"x-{name}"] for name in ("worker-id", "build-id", "lease")}
        assert proof == {"worker-id": "w1", "build-id": "b1", "lease": "l1"}
    assert seen[0].params == {"worker_id": "w1"}
    assert seen[0].json() == {"progress": 50}
    assert seen[1].json() == {"type": "cpu_snapshot", "data": {"cpu_percent": 1}}
    assert parts_of(seen[3])["success"] == b"false"
    assert parts_of(seen[3])["error_message"] == b"no"


async def test_the_tree_is_walked_and_shot_at() -> None:
    """The picture of the tree is decoded to any depth; a kill names a path of it."""
    leaf = {"path": "a/b", "id": "b", "kind": "actor", "state": "running", "more": 1}
    tree = {"path": "", "id": "root", "kind": "supervisor", "state": "running", "children": [leaf]}
    killed: list[object] = []

    async def handler(asked: Asked) -> Given:
        if asked.path == "/debug/tree":
            return answer(tree)
        killed.append(asked.json())
        return answer({"killed": True})

    async with fake_server(handler) as server, Client(server.url, KEY) as client:
        nodes = list((await client.debug_tree()).walk())
        await client.debug_kill(nodes[-1].path)
    assert [node.kind for node in nodes] == ["supervisor", "actor"]
    assert killed == [{"path": "a/b"}]
