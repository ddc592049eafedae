"""What a worker asks of the controller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from api.client.body import FilePart, form
from api.client.shapes import Answer, Grant, Job, JobAnswer, LogEntry, Registered
from api.client.transport import Request, Transport

_UPLOAD_ANSWER_SECONDS = 120.0


class WorkerCalls(Transport):
    """The worker protocol; every write names the grant that allows it."""

    async def register(
        self, name: str, capabilities: Mapping[str, object], worker_id: str | None = None
    ) -> Registered:
        """Make a worker known, or known again under the id it had."""
        body: dict[str, object] = {"name": name, "capabilities": capabilities}
        if worker_id is not None:
            body["id"] = worker_id
        return await self._call(Request("POST", "/api/workers/register", body=body), Registered)

    async def poll(self, worker_id: str, wait: float = 0) -> Job | None:
        """Return the job of this worker, waiting up to `wait` seconds for one.

        A worker that holds a build gets the same job again.
        """
        params = {"worker_id": worker_id}
        if wait:
            params["wait"] = f"{wait:g}"
        request = Request("GET", "/api/workers/poll", params=params, timeout=self._timeout + wait)
        return (await self._call(request, JobAnswer)).job

    async def source(self, grant: Grant, to: Path) -> str:
        """Write the project to `to`; returns its SHA-256 in hex."""
        return await self._fetch(_of(grant, "GET", "source"), to)

    async def certs(self, grant: Grant, to: Path) -> str:
        """Write the signing files to `to`; returns their SHA-256 in hex."""
        return await self._fetch(_of(grant, "GET", "certs"), to)

    async def heartbeat(self, grant: Grant, progress: int | None = None) -> Answer:
        """Show a sign of life."""
        body = {} if progress is None else {"progress": progress}
        return await self._call(_of(grant, "POST", "heartbeat", body), Answer)

    async def telemetry(self, grant: Grant, kind: str, data: Mapping[str, object]) -> Answer:
        """Send a reading (`cpu_snapshot`, `heartbeat`, `monitor_started`, ...)."""
        return await self._call(
            _of(grant, "POST", "telemetry", {"type": kind, "data": data}), Answer
        )

    async def append_logs(self, grant: Grant, entries: Sequence[LogEntry]) -> Answer:
        """Add log lines, in order."""
        logs = [{"level": entry.level, "message": entry.message} for entry in entries]
        return await self._call(_of(grant, "POST", "logs", {"logs": logs}), Answer)

    async def upload(
        self, grant: Grant, result: Path | None = None, error: str | None = None
    ) -> None:
        """Report how a build ended: the result's file, or an error; the same again is answered."""
        texts = {"build_id": grant.build_id, "worker_id": grant.worker_id}
        texts["success"] = "false" if result is None else "true"
        if error is not None:
            texts["error_message"] = error
        files = [] if result is None else [FilePart("result", "artifact.ipa", result)]
        request = Request(
            "POST",
            "/api/workers/upload",
            headers=_headers(grant),
            body=form(texts, files),
            timeout=_UPLOAD_ANSWER_SECONDS,
        )
        await self._call(request, Answer)

    async def unregister(self, worker_id: str) -> None:
        """Say that a worker leaves; what it holds returns to the queue."""
        await self._call(Request("POST", f"/api/workers/{worker_id}/unregister"), Answer)


def _of(grant: Grant, method: str, what: str, body: object = None) -> Request:
    params = {"worker_id": grant.worker_id} if what == "heartbeat" else {}
    path = f"/api/builds/{grant.build_id}/{what}"
    return Request(method, path, headers=_headers(grant), params=params, body=body)


def _headers(grant: Grant) -> dict[str, str]:
    headers = {"X-Worker-Id": grant.worker_id, "X-Build-Id": grant.build_id}
    if grant.lease is not None:
        headers["X-Lease"] = grant.lease
    return headers
