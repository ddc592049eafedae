"""What a submitter asks of the controller."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from api.client.body import FilePart, form
from api.client.shapes import BuildRow, BuildStatus, LogEntry, LogPage, Submitted
from api.client.transport import Request, Transport


class _Done(Struct, frozen=True):
    """An answer of which nothing is needed but that it came."""


class BuildCalls(Transport):
    """Builds from submission to result."""

    async def submit(
        self,
        source: Path,
        platform: str,
        *,
        certs: Path | None = None,
        idempotency_key: str | None = None,
    ) -> Submitted:
        """Send a project; with a key of its own it can be sent again and is still one build."""
        files = [FilePart("source", "source.zip", source, "application/zip")]
        if certs is not None:
            files.append(FilePart("certs", "certs.zip", certs, "application/zip"))
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        body = form({"platform": platform}, files)
        request = Request("POST", "/api/builds/submit", headers=headers, body=body)
        return await self._call(request, Submitted)

    async def status(self, build_id: str) -> BuildStatus:
        """Return where a build is."""
        return await self._call(Request("GET", f"/api/builds/{build_id}/status"), BuildStatus)

    async def logs(self, build_id: str) -> list[LogEntry]:
        """Return all log lines of a build."""
        page = await self._call(Request("GET", f"/api/builds/{build_id}/logs"), LogPage)
        return page.logs

    async def list_builds(self) -> list[BuildRow]:
        """Return all builds, newest first."""
        return await self._call(Request("GET", "/api/builds"), list[BuildRow])

    async def download(self, build_id: str, to: Path) -> str:
        """Write the result of a completed build to `to`; returns its SHA-256 in hex."""
        return await self._fetch(Request("GET", f"/api/builds/{build_id}/download"), to)

    async def cancel(self, build_id: str) -> None:
        """End a build that has not ended."""
        await self._call(Request("POST", f"/api/builds/{build_id}/cancel"), _Done)
