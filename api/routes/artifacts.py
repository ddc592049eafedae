"""Stored files on their way out: source and certificates to workers, results to users."""

from __future__ import annotations

from base64 import b64encode

import trio

from actors.domain.artifact import Kind, Stored
from actors.domain.build import Platform, Status
from actors.recorder.messages import Heard, Sign
from actors.storage.base import Reader, Storage
from api.errors import Answer, Refusal
from api.exchange import FileReply, Headers, Outcome, Reply, Request
from api.handling import error_reply
from api.ranges import Instead, Span, wanted


async def source(request: Request) -> Outcome:
    """Give the source to a worker."""
    build = request.held_build()
    stored = build.files.get(Kind.SOURCE)
    heard(request)
    gone = Refusal(500, "Failed to read source file")
    return await _file(request, stored, f"{build.id}.zip", b"application/zip", gone)


async def certs(request: Request) -> Outcome:
    """Give the certificates to a worker."""
    build = request.held_build()
    stored = build.files.get(Kind.CERTS)
    if stored is None:
        raise Refusal(404, "Certs not found")
    heard(request)
    gone = Refusal(500, "Failed to read certs file")
    return await _file(request, stored, f"{build.id}-certs.zip", b"application/zip", gone)


async def download(request: Request) -> Outcome:
    """Give the result to a user."""
    build = request.held_build()
    if build.status != Status.COMPLETED:
        raise Refusal(400, "Build not completed")
    stored = build.files.get(Kind.RESULT)
    if stored is None:
        raise Refusal(404, "Build result not found")
    name = f"{build.id}.{Platform(build.platform).extension}"
    gone = Refusal(500, "Failed to read build result")
    return await _file(request, stored, name, b"application/octet-stream", gone)


async def download_either(request: Request) -> Outcome:
    """Give the result or the source to a user; whatever is not there is not found."""
    wanted = request.params["type"]
    if wanted not in {Kind.RESULT, Kind.SOURCE}:
        raise Refusal(400, "Invalid file type")
    missing = Refusal(404, "Build or file not found")
    build = request.build
    if build is None:
        raise missing
    stored = build.files.get(Kind(wanted))
    extension = "zip" if wanted == Kind.SOURCE else Platform(build.platform).extension
    name = f"{build.id}.{extension}"
    return await _file(request, stored, name, b"application/octet-stream", missing)


async def _file(
    request: Request, stored: Stored | None, name: str, kind: bytes, gone: Refusal
) -> Outcome:
    if stored is None:
        raise gone
    etag = f'"{stored.sha256.hex()}"'
    span = wanted(request.method, request.headers, etag, stored.size)
    standing: Headers = (
        (b"etag", etag.encode()),
        (b"accept-ranges", b"bytes"),
        (b"cache-control", b"private, no-cache"),
    )
    if isinstance(span, Instead):
        return _without_bytes(span, standing, stored.size)
    headers: Headers = (
        (b"content-type", kind),
        (b"content-disposition", f'attachment; filename="{name}"'.encode()),
        (b"repr-digest", b"sha-256=:" + b64encode(stored.sha256) + b":"),
        *standing,
    )
    if not span.whole:
        place = f"bytes {span.start}-{span.stop - 1}/{stored.size}".encode()
        headers += ((b"content-range", place),)
    try:
        reader = await trio.to_thread.run_sync(_reader, request.services.store, stored, span)
    except OSError as error:
        raise gone from error
    return FileReply(reader, span.stop - span.start, headers, 200 if span.whole else 206)


def _without_bytes(instead: Instead, standing: Headers, size: int) -> Reply:
    if instead is Instead.NOT_MODIFIED:
        return Reply(b"", instead.value, standing)
    refused = error_reply(Answer(instead.value, "Range Not Satisfiable"))
    place = (b"content-range", f"bytes */{size}".encode())
    return Reply(refused.body, refused.status, (*refused.headers, *standing, place))


def _reader(store: Storage, stored: Stored, span: Span) -> Reader:
    """Open what the row speaks of, or raise `FileNotFoundError`; in a thread."""
    if store.size(stored.location) != stored.size:
        raise FileNotFoundError(stored.location)
    return store.reader(stored.location, span.start, span.stop)


def heard(request: Request) -> None:
    """Note a sign of life: fetching files is one, but not yet of a build at work."""
    if request.worker_id:
        sign = Sign(build_id=request.params["id"], worker_id=request.worker_id, working=False)
        request.services.recorder.cast(Heard(sign))
