"""Any controller over HTTP, and nothing else of it: what clients can do, in few words."""

from __future__ import annotations

import json
import socket
import ssl
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import httpx

SOURCE = b"PK\x03\x04 source of an app"
APP = b"PK\x03\x04 the finished app"
BOUNDARY = "----ContractBoundary7MA4YWxk"
Answer = tuple[int, str, dict[str, str], bytes]
"""Status, reason, headers, body."""
SECONDS = 30.0
"""What the CLI waits for the head of an answer."""


@dataclass(frozen=True)
class Part:
    """One part of a form; a file when it has a file name."""

    name: str
    data: bytes | str
    filename: str | None = None
    kind: str | None = None

    def encoded(self) -> bytes:
        """Return it with its boundary."""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{self.name}"'
        head += f'; filename="{self.filename}"' if self.filename is not None else ""
        head += f"\r\nContent-Type: {self.kind}" if self.kind else ""
        data = self.data.encode() if isinstance(self.data, str) else self.data
        return f"{head}\r\n\r\n".encode() + data + b"\r\n"


def file(name: str, data: bytes, filename: str = "f.zip") -> Part:
    """Make a file part."""
    return Part(name, data, filename, "application/octet-stream")


def form(parts: Iterable[Part]) -> bytes:
    """Return a whole form."""
    return b"".join(part.encoded() for part in parts) + f"--{BOUNDARY}--\r\n".encode()


@dataclass
class Controller:
    """A controller that runs somewhere; remembers what a test has made, to end it."""

    url: str
    key: str
    http: httpx.Client
    made: list[str] = field(default_factory=list[str])

    # -- requests -------------------------------------------------------------------------------

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        **how: Any,
    ) -> httpx.Response:
        """Send one request with the API key; a header given as "" is left out."""
        sent = httpx.Headers({"X-API-Key": self.key})
        sent.update(headers or {})
        for name in [name for name, value in sent.items() if not value]:
            del sent[name]
        return self.http.request(method, path, headers=sent, **how)

    def get(self, path: str, **headers: str) -> httpx.Response:
        """GET; `x_worker_id="w"` becomes the header."""
        return self.ask("GET", path, _named(headers))

    def post(self, path: str, body: object = None, **headers: str) -> httpx.Response:
        """POST JSON, or nothing at all."""
        if body is None:
            return self.ask("POST", path, _named(headers))
        return self.ask("POST", path, _named(headers), json=body)

    def send(self, path: str, *parts: Part, **headers: str) -> httpx.Response:
        """POST a form."""
        kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        answer = self.ask("POST", path, {**kind, **_named(headers)}, content=form(parts))
        if path.endswith(("/submit", "/builds")) and answer.is_success:
            self.made.append(answer.json()["id"])
        return answer

    def raw(self, data: bytes) -> Answer:
        """Send these bytes on a connection of their own: status, reason, headers, body."""
        parts = urlsplit(self.url)
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        with socket.create_connection((parts.hostname or "", port), timeout=SECONDS) as plain:
            context = ssl.create_default_context() if secure else None
            line = context.wrap_socket(plain, server_hostname=parts.hostname) if context else plain
            line.sendall(data)
            method = data.split(b" ", 1)[0].decode()
            answer = HTTPResponse(line, method=method)
            answer.begin()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, answer.reason, headers, answer.read()

    # -- what users and workers do ---------------------------------------------------------------

    def submit(self, platform: str = "ios", certs: bytes | None = None, **more: str) -> Any:
        """Submit a build; returns the answer."""
        parts = [file("source", SOURCE), Part("platform", platform)]
        parts += [file("certs", certs)] if certs is not None else []
        parts += [Part(name, value) for name, value in more.items()]
        return good(self.send("/api/builds/submit", *parts))

    def status(self, build_id: str) -> Any:
        """Return where a build stands."""
        return good(self.get(f"/api/builds/{build_id}/status"))

    def lines(self, build_id: str) -> list[tuple[str, str]]:
        """Return (level, message) of all log lines."""
        logs = good(self.get(f"/api/builds/{build_id}/logs"))["logs"]
        return [(line["level"], line["message"]) for line in logs]

    def register(self, name: str = "contract", capabilities: object = None) -> str:
        """Register a worker; returns its id."""
        body = {"name": name, "capabilities": capabilities or {}}
        return good(self.post("/api/workers/register", body))["id"]

    def poll(self, worker_id: str) -> Any:
        """Return the job of a worker, or None."""
        return good(self.ask("GET", "/api/workers/poll", params={"worker_id": worker_id}))["job"]

    def assigned(self, certs: bytes | None = None, platform: str = "ios") -> tuple[str, str]:
        """Have a build with a new worker; returns the ids of both."""
        build_id = self.submit(platform, certs)["id"]
        worker_id = self.register()
        job = self.poll(worker_id)
        assert job, "the queue gave nothing"
        assert job["id"] == build_id, "the queue was not empty"
        return build_id, worker_id

    def upload(
        self, build_id: str, worker_id: str, result: bytes | None = APP, **fields: str
    ) -> httpx.Response:
        """Report an end: success with a result, failure without."""
        success = {"success": "true" if result is not None else "false", **fields}
        parts = [Part("build_id", build_id), Part("worker_id", worker_id)]
        parts += [Part(name, value) for name, value in success.items()]
        parts += [file("result", result, "artifact.ipa")] if result is not None else []
        return self.send("/api/workers/upload", *parts)

    def completed(self, platform: str = "ios") -> tuple[str, str]:
        """Have a completed build; returns ids of build and worker."""
        build_id, worker_id = self.assigned(platform=platform)
        good(self.upload(build_id, worker_id))
        return build_id, worker_id

    def stats(self, worker_id: str) -> Any:
        """Return what a worker has done."""
        return good(self.get(f"/api/workers/{worker_id}/stats"))

    def tidy(self) -> None:
        """End every build that the test has left, in the way that empties any queue."""
        for build_id in self.made:
            found = self.status(build_id)
            if found["status"] in {"pending", "assigned", "building"}:
                self.upload(build_id, found["worker_id"] or self.register("tidy"), None)
        self.made.clear()


def good(answer: httpx.Response) -> Any:
    """Return the JSON of a success, which is always 200."""
    assert answer.status_code == 200, (answer.status_code, answer.text)
    return answer.json()


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Return status and text of an error."""
    return answer.status_code, answer.json()["error"]


def say(it: Controller, start: str, headers: list[str], body: bytes = b"") -> Answer:
    """Send a request with exactly these headers after Host."""
    lines = [f"{start} HTTP/1.1", "Host: controller", *headers]
    lines += ["Connection: close", "", ""]
    return it.raw("\r\n".join(lines).encode() + body)


def json_of(answer: Answer) -> Any:
    """Return the JSON of a success, whose length was told."""
    assert answer[0] == 200, answer
    assert "transfer-encoding" not in answer[2]
    return json.loads(answer[3])


def nobody() -> str:
    """Return an id that no build and no worker has."""
    return uuid.uuid4().hex[:21]


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
