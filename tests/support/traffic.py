"""Users and workers that do whole lifecycles, and try again as real clients do."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx
import trio

from tests.support.farm import Farm, good
from tests.support.form import Part, file

PAUSE = 0.02
SUBMIT = "/api/builds/submit"


def source_of(name: str) -> bytes:
    """Return a source that no other build has."""
    return f"PK {name} ".encode() * 5000


def result_of(source: bytes) -> bytes:
    """Return what a worker makes of a source."""
    return hashlib.sha512(source).digest() * 3000


@dataclass
class Traffic:
    """Four users and four workers, until every build of the users has been acknowledged."""

    farm: Farm
    users: int = 4
    builds_each: int = 2
    workers: int = 4
    acknowledged: dict[str, bytes] = field(default_factory=dict)
    finished: set[str] = field(default_factory=set)
    retries: int = 0
    _news: trio.Event = field(default_factory=trio.Event)

    @property
    def total(self) -> int:
        """How many builds there will be."""
        return self.users * self.builds_each

    async def run(self) -> None:
        """Return when all builds have an end."""
        async with trio.open_nursery() as nursery:
            for number in range(self.users):
                nursery.start_soon(self._use, number)
            for number in range(self.workers):
                nursery.start_soon(self._work, f"worker-{number}")

    async def ended(self, count: int) -> None:
        """Wait until so many builds have an end."""
        while len(self.finished) < count:
            await self._news.wait()

    async def check(self) -> None:
        """Every acknowledged build is completed, and its result is made of its source."""
        assert len(self.acknowledged) == self.total
        assert self.finished == set(self.acknowledged)
        for build_id, source in self.acknowledged.items():
            assert (await self.farm.status(build_id))["status"] == "completed"
            result = await self.farm.get(f"/api/builds/{build_id}/download")
            assert result.content == result_of(source)
        assert await self.farm.count("builds") == self.total

    async def _use(self, user: int) -> None:
        for number in range(self.builds_each):
            key = f"user {user} build {number}"
            source = source_of(key)
            parts = (file("source", source), Part("platform", "ios"))
            response = await self._again(
                lambda p=parts, k=key: self.farm.send_form(SUBMIT, *p, idempotency_key=k)
            )
            self.acknowledged[good(response)["id"]] = source

    async def _work(self, worker_id: str) -> None:
        body = {"name": worker_id, "capabilities": {}, "id": worker_id}
        good(await self._again(lambda: self.farm.post("/api/workers/register", body)))
        for turn in itertools.count():
            if len(self.finished) == self.total:
                return
            poll = f"/api/workers/poll?worker_id={worker_id}" + ("&wait=0.2" if turn % 2 else "")
            job = good(await self._again(lambda p=poll: self.farm.get(p)))["job"]
            if job is None:
                await trio.sleep(PAUSE)
                continue
            await self._build(worker_id, job["id"], job["lease"])

    async def _build(self, worker_id: str, build_id: str, lease: str) -> None:
        ids = {"x_worker_id": worker_id, "x_build_id": build_id, "x_lease": lease}
        path = f"/api/builds/{build_id}"
        source = await self._again(lambda: self.farm.get(f"{path}/source", **ids))
        line = {"level": "info", "message": "at work"}
        good(await self._again(lambda: self.farm.post(f"{path}/logs", line, **ids)))
        beat = f"{path}/heartbeat?worker_id={worker_id}"
        good(await self._again(lambda: self.farm.post(beat, {"progress": 50}, **ids)))
        result = result_of(source.content)
        response = await self._again(
            lambda: self.farm.upload(build_id, worker_id, result, lease=lease)
        )
        assert good(response) == {"status": "success"}
        self.finished.add(build_id)
        self._news.set()
        self._news = trio.Event()

    async def _again(self, ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        """Ask until there is an answer that is no passing trouble."""
        while True:
            try:
                response = await ask()
            except httpx.TransportError:
                pass
            else:
                if response.status_code < 500:
                    assert response.status_code == 200, response.text
                    return response
                assert response.status_code == 503, response.text
                assert response.headers["retry-after"]
            self.retries += 1
            await trio.sleep(PAUSE)
