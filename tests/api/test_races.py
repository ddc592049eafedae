"""What happens at the same moment over HTTP: one wins, nothing is doubled, nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from tests.support.books import books_balance
from tests.support.farm import Farm, good

ROUNDS = 10


async def together(*calls: Callable[[], Awaitable[object]]) -> list[object]:
    """Run all at once; returns their answers in order."""
    answers: dict[int, object] = {}

    async def one(place: int, call: Callable[[], Awaitable[object]]) -> None:
        answers[place] = await call()

    async with trio.open_nursery() as nursery:
        for place, call in enumerate(calls):
            nursery.start_soon(one, place, call)
    return [answers[place] for place in range(len(calls))]


@dataclass
class Line:
    """A connection that polls and does nothing else: ten requests really are there at once."""

    stream: trio.SocketStream
    request: bytes

    @classmethod
    async def open(cls, farm: Farm, worker_id: str) -> Line:
        """Connect a worker."""
        stream = await trio.open_tcp_stream("127.0.0.1", farm.port)
        head = f"GET /api/workers/poll?worker_id={worker_id} HTTP/1.1\r\nHost: a\r\n"
        return cls(stream, f"{head}X-API-Key: {farm.api_key}\r\n\r\n".encode())

    async def poll(self) -> object:
        """Return the job, or None."""
        await self.stream.send_all(self.request)
        answer = b""
        while not answer.endswith(b"}"):
            answer += await self.stream.receive_some()
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK")
        return json.loads(body)["job"]


async def test_one_of_ten_polls_gets_the_build(farm: Farm) -> None:
    """A hundred times; the others are told that there is nothing."""
    workers = [await farm.register(f"mac {i}") for i in range(10)]
    lines = [await Line.open(farm, worker_id) for worker_id in workers]
    for _ in range(100):
        build_id = (await farm.submit(b""))["id"]
        jobs = await together(*[line.poll for line in lines])
        (winner,) = [i for i, job in enumerate(jobs) if job is not None]
        assert jobs[winner]["id"] == build_id  # type: ignore[index]
        good(await farm.upload(build_id, workers[winner], None))
    for line in lines:
        await line.stream.aclose()
    row = await farm.parts.db.fetchrow("select count(*) c, max(attempt) a from builds")
    assert row is not None
    assert (row["c"], row["a"]) == (100, 1)
    await books_balance(farm)


async def test_ten_held_polls_share_out_what_comes(farm: Farm) -> None:
    """Ten builds at once for ten workers that wait: each has one, none is given twice."""
    workers = [await farm.register(f"mac {i}") for i in range(10)]
    polls = [lambda w=worker_id: farm.poll(w, 30) for worker_id in workers]
    jobs = await together(*polls, *[farm.submit] * 10)
    given = {job["id"] for job in jobs[:10]}  # type: ignore[index]
    assert given == {build["id"] for build in jobs[10:]}  # type: ignore[index]
    await books_balance(farm)


async def test_two_uploads_of_one_worker_count_once(farm: Farm) -> None:
    """The same end twice: both are told it is stored, and one file stays."""
    for i in range(ROUNDS):
        build_id, worker_id, _ = await farm.assigned()
        call = lambda b=build_id, w=worker_id: farm.upload(b, w, b"an app")  # noqa: E731
        first, second, third = await together(call, call, call)
        assert good(first) == good(second) == good(third) == {"status": "success"}  # type: ignore[arg-type]
        assert (await farm.get(f"/api/builds/{build_id}/download")).content == b"an app", i
    await books_balance(farm)


async def test_success_and_failure_at_once_are_one_end(farm: Farm) -> None:
    """One is applied, the other one is 409."""
    for _ in range(ROUNDS):
        build_id, worker_id, _ = await farm.assigned()
        answers = await together(
            lambda b=build_id, w=worker_id: farm.upload(b, w, b"an app"),
            lambda b=build_id, w=worker_id: farm.upload(b, w, None, "it broke"),
        )
        codes = [answer.status_code for answer in answers]  # type: ignore[attr-defined]
        assert sorted(codes) == [200, 409]
        wanted = "completed" if codes[0] == 200 else "failed"
        assert (await farm.status(build_id))["status"] == wanted
    await books_balance(farm)


async def test_upload_and_cancel_at_once_are_one_end(farm: Farm) -> None:
    """Whoever comes second is told that the build is finished."""
    for _ in range(ROUNDS):
        build_id, worker_id, _ = await farm.assigned()
        answers = await together(
            lambda b=build_id, w=worker_id: farm.upload(b, w, b"an app"),
            lambda b=build_id: farm.post(f"/api/builds/{b}/cancel"),
        )
        codes = [answer.status_code for answer in answers]  # type: ignore[attr-defined]
        assert codes in ([200, 400], [409, 200])
        wanted = "completed" if codes[0] == 200 else "failed"
        assert (await farm.status(build_id))["status"] == wanted
    await books_balance(farm)


async def test_cancel_and_poll_at_once_leave_no_ghost(farm: Farm) -> None:
    """The build is cancelled whether it was given before or not, and the worker is free."""
    worker_id = await farm.register()
    for _ in range(ROUNDS):
        build_id = (await farm.submit())["id"]
        job, cancelled = await together(
            lambda: farm.poll(worker_id),
            lambda b=build_id: farm.post(f"/api/builds/{b}/cancel"),
        )
        assert good(cancelled) == {"status": "cancelled"}  # type: ignore[arg-type]
        assert job is None or job["id"] == build_id  # type: ignore[index]
        assert await farm.poll(worker_id) is None
    await books_balance(farm)


async def test_goodbye_and_upload_at_once_lose_nothing(farm: Farm) -> None:
    """The result counts, whichever came first."""
    for _ in range(ROUNDS):
        build_id, worker_id, lease = await farm.assigned()
        uploaded, _ = await together(
            lambda b=build_id, w=worker_id, x=lease: farm.upload(b, w, b"an app", lease=x),
            lambda w=worker_id: farm.post(f"/api/workers/{w}/unregister"),
        )
        assert good(uploaded) == {"status": "success"}  # type: ignore[arg-type]
        assert (await farm.status(build_id))["status"] == "completed"
    await books_balance(farm)


async def test_two_submissions_with_one_key_are_one_build(farm: Farm) -> None:
    """Both tokens open it."""
    for i in range(ROUNDS):
        call = lambda key=f"key {i}": farm.submit(key=key)  # noqa: E731
        first, second = await together(call, call)
        assert first["id"] == second["id"]  # type: ignore[index]
        for answer in (first, second):
            token = answer["access_token"]  # type: ignore[index]
            path = f"/api/builds/{first['id']}/status"  # type: ignore[index]
            good(await farm.get(path, x_api_key="", x_build_token=token))
    assert await farm.count("builds") == ROUNDS
    await books_balance(farm)
