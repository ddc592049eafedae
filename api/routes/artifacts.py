"""Stored files on their way out: source and certificates to workers, results to users."""

from __future__ import annotations

import os

import trio

from actors.domain.artifact import Kind, Stored
from actors.domain.build import Platform, Status
from actors.recorder.messages import Heard, Sign
from actors.store import builds
from api.errors import Refusal
from api.exchange import FileReply, Outcome, Request


async def source(request: Request) -> Outcome:
    """Give the source to a worker."""
    build = request.held_build()
    stored = await builds.get_artifact(request.services.db, build.id, Kind.SOURCE)
    _heard(request)
    gone = "Failed to read source file"
    return await _file(request, stored, f"{build.id}.zip", b"application/zip", gone)


async def certs(request: Request) -> Outcome:
    """Give the certificates to a worker."""
    build = request.held_build()
    stored = await builds.get_artifact(request.services.db, build.id, Kind.CERTS)
    if stored is None:
        raise Refusal(404, "Certs not found")
    _heard(request)
    gone = "Failed to read certs file"
    return await _file(request, stored, f"{build.id}-certs.zip", b"application/zip", gone)


async def download(request: Request) -> Outcome:
    """Give the result to a user."""
    build = request.held_build()
    if build.status != Status.COMPLETED:
        raise Refusal(400, "Build not completed")
    stored = await builds.get_artifact(request.services.db, build.id, Kind.RESULT)
    if stored is None:
        raise Refusal(404, "Build result not found")
    name = f"{build.id}.{Platform(build.platform).extension}"
    gone = "Failed to read build result"
    return await _file(request, stored, name, b"application/octet-stream", gone)


async def _file(
    request: Request, stored: Stored | None, name: str, kind: bytes, gone: str
) -> Outcome:
    if stored is None:
        raise Refusal(500, gone)
    try:
        fd, size = await trio.to_thread.run_sync(request.services.store.open, stored.location)
    except OSError as error:
        raise Refusal(500, gone) from error
    if size != stored.size:
        os.close(fd)
        raise Refusal(500, gone)
    headers = (
        (b"content-type", kind),
        (b"content-disposition", f'attachment; filename="{name}"'.encode()),
        (b"etag", f'"{stored.sha256.hex()}"'.encode()),
        (b"cache-control", b"private, no-cache"),
    )
    return FileReply(fd, size, headers)


def _heard(request: Request) -> None:
    """Note a sign of life: fetching files is one, but not yet of a build at work."""
    worker_id = request.headers.get("x-worker-id", "")
    if worker_id:
        sign = Sign(build_id=request.params["id"], worker_id=worker_id, working=False)
        request.services.recorder.cast(Heard(sign))
