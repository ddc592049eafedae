"""The whole controller in this process: the real tree on a real port, and what clients send."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sized
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from json import dumps
from pathlib import Path
from typing import Any, TypeVar, cast

import httpx
import pytest
import trio

from actors.heartbeat_monitor.state import Rules
from actors.store.database import ConnectOptions
from api.server.listen import bind
from controller.parts import Parts
from controller.settings import read_settings
from controller.tree import Plan, tree
from supervisors.exits import SHUTDOWN
from supervisors.process import Process, Runtime
from supervisors.root import run_tree
from supervisors.snapshot import find, picture
from supervisors.spec import ChildSpec
from tests.support.described import check_answer
from tests.support.form import MULTIPART, Part, body_of, file

KEY = "a key for the tests of the farm"
SOURCE = b"PK source of an app"
SECONDS = 50.0
"""A test that takes longer hangs."""

E = TypeVar("E")


class Events:
    """What the program emitted, and a way to wait for more of it."""

    def __init__(self) -> None:
        self.seen: list[object] = []
        self._news = trio.Event()

    def note(self, event: object) -> None:
        """Take an event; a handler of `Telemetry`."""
        self.seen.append(event)
        self._news.set()
        self._news = trio.Event()

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of a kind so far."""
        return [event for event in self.seen if isinstance(event, kind)]

    async def first(self, kind: type[E], like: Callable[[E], bool] = lambda _: True) -> E:
        """Wait for the first event of a kind that is `like` this."""
        while True:
            for event in self.of(kind):
                if like(event):
                    return event
            await self._news.wait()


@dataclass
class Farm:
    """A running controller; `http` sends no key by itself."""

    url: str
    parts: Parts
    http: httpx.AsyncClient
    events: Events
    storage: Path
    root: Process = field(init=False)
    api_key: str = KEY
    ends: list[object] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.parts.sockets[0].getsockname()[1]

    # -- raw ------------------------------------------------------------------------------------

    async def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        **how: Any,
    ) -> httpx.Response:
        """Send one request with the API key; a header given as "" is left out."""
        sent = httpx.Headers({"X-API-Key": self.api_key})
        sent.update(headers or {})
        for name in [name for name, value in sent.items() if not value]:
            del sent[name]
        request = self.http.build_request(method, path, headers=sent, **how)
        if isinstance(request.stream, httpx.ByteStream):
            request.stream = _Whole(await request.aread())
        response = await self.http.send(request)
        check_answer(response)
        return response

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """GET; `x_worker_id="w"` becomes the header."""
        return await self.ask("GET", path, named(headers))

    async def post(self, path: str, json: object = None, **headers: str) -> httpx.Response:
        """POST JSON, or nothing at all."""
        sent = named(headers)
        if json is None:
            return await self.ask("POST", path, sent)
        sent = {"Content-Type": "application/json", **sent}
        return await self.ask("POST", path, sent, content=dumps(json))

    async def send_form(self, path: str, *parts: Part, **headers: str) -> httpx.Response:
        """POST a form."""
        sent = {"Content-Type": MULTIPART, **named(headers)}
        return await self.ask("POST", path, sent, content=body_of(*parts))

    async def begin_form(self, path: str, length: int = 50_000_000) -> trio.SocketStream:
        """Send the head of a form; its body is up to the caller."""
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\nX-API-Key: {self.api_key}\r\n"
        head += f"Content-Type: {MULTIPART}\r\nContent-Length: {length}\r\n\r\n"
        await stream.send_all(head.encode())
        return stream

    # -- what users do ---------------------------------------------------------------------------

    async def submit(
        self,
        source: bytes = SOURCE,
        platform: str = "ios",
        certs: bytes | None = None,
        key: str = "",
    ) -> dict[str, Any]:
        """Submit a build; returns the answer, which must be a success."""
        parts = [file("source", source), Part("platform", platform)]
        if certs is not None:
            parts.append(file("certs", certs))
        response = await self.send_form("/api/builds/submit", *parts, idempotency_key=key)
        return good(response)

    async def status(self, build_id: str) -> dict[str, Any]:
        """Return where a build stands."""
        return good(await self.get(f"/api/builds/{build_id}/status"))

    async def lines(self, build_id: str) -> list[tuple[str, str]]:
        """Return (level, message) of all lines of a build."""
        logs = good(await self.get(f"/api/builds/{build_id}/logs"))["logs"]
        return [(line["level"], line["message"]) for line in logs]

    # -- what workers do -------------------------------------------------------------------------

    async def register(self, name: str = "mac", capabilities: object = None, **more: object) -> str:
        """Register a worker; returns its id."""
        body = {"name": name, "capabilities": capabilities or {}, **more}
        return good(await self.post("/api/workers/register", body))["id"]

    async def poll(self, worker_id: str, wait: float | None = None) -> dict[str, Any] | None:
        """Return the job of a worker, or None."""
        params = {"worker_id": worker_id} | ({} if wait is None else {"wait": str(wait)})
        return good(await self.ask("GET", "/api/workers/poll", params=params))["job"]

    async def assigned(
        self,
        **submission: Any,
    ) -> tuple[str, str, str]:
        """Have a build with a new worker; returns ids of build and worker, and the lease."""
        build = await self.submit(**submission)
        worker_id = await self.register()
        job = await self.poll(worker_id)
        assert job is not None
        assert job["id"] == build["id"]
        return build["id"], worker_id, job["lease"]

    async def assigned_of(self, build: dict[str, Any], platform: str) -> tuple[str, str, str]:
        """Have this build with a new worker that takes no other platform."""
        worker_id = await self.register(capabilities={"platforms": [platform]})
        job = await self.poll(worker_id)
        assert job is not None
        assert job["id"] == build["id"]
        return job["id"], worker_id, job["lease"]

    async def upload(
        self,
        build_id: str,
        worker_id: str,
        result: bytes | None = b"an app",
        error: str = "",
        lease: str = "",
    ) -> httpx.Response:
        """Report an end: success with a result, failure without."""
        return await self.send_form(
            "/api/workers/upload",
            Part("build_id", build_id),
            Part("worker_id", worker_id),
            Part("success", "true" if result is not None else "false"),
            *([Part("error_message", error)] if error else []),
            *([file("result", result, "artifact.ipa")] if result is not None else []),
            x_lease=lease,
        )

    # -- what tests do ---------------------------------------------------------------------------

    def kill(self, path: str) -> None:
        """Kill the process at `path`, which must be alive."""
        process = find(self.root, path)
        assert process is not None, path
        process.kill()

    async def restarted(self, path: str, generation: int) -> None:
        """Wait until a later life than `generation` is up at `path`."""
        while (process := find(self.root, path)) is None or process.generation <= generation:
            await trio.testing.wait_all_tasks_blocked(0.001)
        await process.up()

    def room(self) -> Sized:
        """Return the polls that wait."""
        process = find(self.root, "orchestration/queue_manager")
        return cast("Any", process).handle._room

    def sinks(self) -> list[str]:
        """Return the paths of the uploads in flight."""
        return [n.path for n in picture(self.root).walk() if n.path.startswith("uploads/")]

    def files(self) -> list[str]:
        """Return all files of the storage, unfinished ones too."""
        return sorted(
            path.relative_to(self.storage).as_posix()
            for path in self.storage.rglob("*")
            if path.is_file()
        )

    async def count(self, table: str) -> int:
        """Count the rows of a table."""
        return await self.parts.db.fetchval(f"select count(*) from {table}")  # noqa: S608

    async def worker(self, worker_id: str) -> dict[str, Any]:
        """Return the row of a worker."""
        row = await self.parts.db.fetchrow("select * from workers where id = $1", worker_id)
        assert row is not None
        return dict(row)

    async def run(self, spec: ChildSpec, task_status: trio.TaskStatus[Process]) -> None:
        """Run the tree, for `farming`."""
        self.ends.append(await run_tree(spec, Runtime(self.parts.emit), task_status=task_status))


class _Whole(httpx.AsyncByteStream):
    """A body in one piece; httpx's own are generators, which a broken connection leaves open."""

    def __init__(self, data: bytes) -> None:
        self._left = [data]

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop()


def named(headers: Mapping[str, str]) -> dict[str, str]:
    """Turn keywords into header names."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


def good(response: httpx.Response) -> Any:
    """Return the JSON of a success."""
    assert response.status_code == 200, (response.status_code, response.text)
    return response.json()


def refused(response: httpx.Response) -> tuple[int, str]:
    """Return status and text of an error, which has exactly the one shape."""
    body = response.json()
    assert list(body) == ["error"], body
    return response.status_code, body["error"]


def _descriptors() -> int:
    return len(os.listdir("/dev/fd"))  # noqa: PTH208 - numbers, not paths


@asynccontextmanager
async def farming(
    options: ConnectOptions, folder: Path, *, rules: Rules | None = None, **settings: str
) -> AsyncIterator[Farm]:
    """Run the controller for the length of the block; then it must stop in order and leak nothing.

    Opens no loop of asyncio: one must be open.
    """
    flags = {"data_dir": str(folder), "stop_seconds": "5", **settings}
    sockets = bind("127.0.0.1", 0)
    before = _descriptors()
    parts = Parts.of(read_settings(flags, {}), KEY, sockets)
    events = Events()
    parts.telemetry.attach("test", events.note)
    plan = Plan(cluster=None, connect=options, connections=2, rules=rules or Rules())
    url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    try:
        with trio.fail_after(SECONDS):
            async with (
                httpx.AsyncClient(base_url=url, timeout=30, verify=False) as http,  # noqa: S501 - no TLS here
                trio.open_nursery() as nursery,
            ):
                farm = Farm(url, parts, http, events, folder / "storage")
                farm.root = await nursery.start(farm.run, tree(parts, plan))
                parts.control.root = farm.root
                yield farm
                await http.aclose()
                farm.root.shutdown()
        assert farm.ends == [SHUTDOWN]
        assert parts.db.open == 0
        if "storage_url" not in settings:  # a client of object stores keeps connections
            assert _descriptors() <= before
        assert not [name for name in farm.files() if name.startswith("incoming/")]
    finally:
        for listening in sockets:
            listening.close()


@pytest.fixture
async def farm(
    database_options: ConnectOptions,
    tmp_path: Path,
    logged: object,  # noqa: ARG001 - errors of the stop count, too
) -> AsyncIterator[Farm]:
    """Run a controller on a database and a folder of its own."""
    async with farming(database_options, tmp_path) as running:
        yield running
