"""The controller as a worker sees it, small and in memory; tests reach into its state."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

import trio

from tests.support.fake_http import Asked, Given, answer

KEY = "k" * 16
GONE = {"error": "Build not assigned to this worker"}


@dataclass
class FakeBuild:
    """One build; `ended` is set when a result or a failure has been accepted."""

    id: str
    source: bytes
    certs: bytes | None = None
    status: str = "pending"
    worker_id: str | None = None
    attempt: int = 0
    error: str | None = None
    result_sha256: str | None = None
    result: bytes = b""
    logs: list[str] = field(default_factory=list)
    beats: int = 0
    leases: list[str | None] = field(default_factory=list)
    ended: trio.Event = field(default_factory=trio.Event)
    beaten: trio.Event = field(default_factory=trio.Event)

    @property
    def lease(self) -> str:
        """The proof of the current grant."""
        return f"lease-{self.id}-{self.attempt}"


class FakeController:
    """Hands out `builds` in order; use `handle` as the handler of a `FakeServer`."""

    def __init__(self) -> None:
        self.builds: dict[str, FakeBuild] = {}
        self.workers: dict[str, str] = {}
        self.registrations = 0
        self.gives_twice = False  # a fault, for those who must find it
        self.polled = trio.Event()
        self.unregistered = trio.Event()
        self._news = trio.Event()
        self._submitted: dict[str, str] = {}

    def add(self, build: FakeBuild) -> FakeBuild:
        """Queue a build and wake the polls."""
        self.builds[build.id] = build
        self._wake()
        return build

    def _wake(self) -> None:
        self._news.set()
        self._news = trio.Event()

    async def handle(self, asked: Asked) -> Given:
        """Answer one request."""
        if asked.headers.get("x-api-key") != KEY:
            return answer({"error": "Invalid API key"}, 403)
        return await self._route(asked)

    async def _route(self, asked: Asked) -> Given:
        match asked.path.strip("/").split("/"):
            case ["api", "workers", "register"]:
                return self._register(asked)
            case ["api", "workers", "poll"]:
                return await self._poll(asked)
            case ["api", "workers", "upload"]:
                return self._upload(asked)
            case ["api", "workers", worker_id, "unregister"]:
                self.workers.pop(worker_id, None)
                self.unregistered.set()
                return answer({"success": True})
        return self._route_build(asked)

    def _route_build(self, asked: Asked) -> Given:
        match asked.path.strip("/").split("/"):
            case ["api", "builds", "submit"]:
                return self._submit(asked)
            case ["api", "builds"]:
                return answer([{"id": b.id, "status": b.status} for b in self.builds.values()])
            case ["api", "builds", build_id, what] if build_id in self.builds:
                return self._build(asked, self.builds[build_id], what)
        return answer({"error": "Not found"}, 404)

    def _register(self, asked: Asked) -> Given:
        self.registrations += 1
        body = asked.json()
        worker_id = str(body.get("id") or f"worker-{self.registrations}")
        self.workers[worker_id] = str(body["name"])
        return answer({"id": worker_id, "status": "registered", "baseImageId": "none"})

    async def _poll(self, asked: Asked) -> Given:
        worker_id = asked.params["worker_id"]
        self.polled.set()
        if worker_id not in self.workers:
            return answer({"error": "Worker not found"}, 404)
        with trio.move_on_after(float(asked.params.get("wait", "0"))):
            while (build := self._next(worker_id)) is None:
                await self._news.wait()
            return answer({"job": self._job(build)})
        return answer({"job": None})

    def _next(self, worker_id: str) -> FakeBuild | None:
        for build in self.builds.values():
            if build.worker_id == worker_id and build.status == "assigned":
                return build
        for build in self.builds.values():
            if build.status == "pending":
                build.status, build.worker_id = "assigned", worker_id
                build.attempt += 1
                self._wake()
                return build
        assigned = (build for build in self.builds.values() if build.status == "assigned")
        return next(assigned, None) if self.gives_twice else None

    def _job(self, build: FakeBuild) -> dict[str, object]:
        url = f"/api/builds/{build.id}"
        return {
            "id": build.id,
            "platform": "ios",
            "source_url": f"{url}/source",
            "certs_url": f"{url}/certs" if build.certs is not None else None,
            "attempt": build.attempt,
            "lease": build.lease,
        }

    def _submit(self, asked: Asked) -> Given:
        key = asked.headers["idempotency-key"]
        build_id = self._submitted.setdefault(key, f"build-{len(self._submitted) + 1}")
        if build_id not in self.builds:
            self.add(FakeBuild(build_id, parts_of(asked)["source"]))
        return answer({"id": build_id, "status": "pending", "access_token": f"token-{build_id}"})

    def _build(self, asked: Asked, build: FakeBuild, what: str) -> Given:
        build.leases.append(asked.headers.get("x-lease"))
        if what in ("source", "certs"):
            return Given(200, build.source if what == "source" else build.certs or b"")
        if what == "status":
            row = {"id": build.id, "status": build.status, "platform": "ios"}
            return answer({**row, "error_message": build.error})
        if what == "download":
            return Given(200, build.result)
        if what == "logs":
            logs = asked.json()["logs"]
            build.logs += [line["message"] for line in logs]  # type: ignore[index, union-attr]
        if what == "heartbeat":
            build.beats += 1
            build.beaten.set()
        ours = asked.headers.get("x-worker-id") == build.worker_id and build.status == "assigned"
        return answer({"success": True} if ours else {"success": True, "cancelled": True})

    def _upload(self, asked: Asked) -> Given:
        parts = parts_of(asked)
        build = self.builds[parts["build_id"].decode()]
        if build.worker_id != parts["worker_id"].decode():
            return answer(GONE, 403)
        if parts["success"] == b"true":
            build.status = "completed"
            build.result = parts["result"]
            build.result_sha256 = hashlib.sha256(parts["result"]).hexdigest()
        else:
            build.status, build.error = "failed", parts["error_message"].decode()
        build.ended.set()
        return answer({"status": "success" if build.error is None else "failed"})


def parts_of(asked: Asked) -> dict[str, bytes]:
    """Return the parts of a form by name (a form that was kept whole)."""
    boundary = asked.headers["content-type"].partition("boundary=")[2].encode()
    parts = {}
    for part in asked.body.split(b"--" + boundary)[1:-1]:
        head, _, data = part.partition(b"\r\n\r\n")
        name = re.search(rb'; name="([^"]*)"', head)
        assert name is not None
        parts[name.group(1).decode()] = data.removesuffix(b"\r\n")
    return parts
