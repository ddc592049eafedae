"""Builds as their users see them: submit, list, follow, cancel."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from msgspec import UNSET

from actors.domain.artifact import Kind, Stored
from actors.domain.build import Platform, Verdict
from actors.domain.ids import is_build_id, new_id, new_token, token_hash
from actors.queue_manager.messages import Cancel, Submit
from actors.store import builds
from actors.store.queue import Submission, Submitted
from api.errors import Refusal
from api.exchange import Outcome, Request, json_reply
from api.form import Form, FormReader, discard
from api.settling import COMMAND_SECONDS
from api.wire import builds as shapes

_HIGHEST = 9
_KINDS = {"source": Kind.SOURCE, "certs": Kind.CERTS}


async def submit(request: Request) -> Outcome:
    """Store the files, then make the build; a refused submission leaves nothing behind."""
    form = await FormReader(request, _KINDS).read()
    files = list(form.files.values())
    token = new_token()
    try:
        submission = _submission(request, form, token)
    except Refusal:
        await discard(request.services.store, files)
        raise
    # From here on a failure may follow the commit: files without a row are the janitor's.
    made = await request.services.queue_manager.call_again(
        Submit(submission), timeout=COMMAND_SECONDS, patience=COMMAND_SECONDS
    )
    if made.id != submission.id:  # the same id is our own first try, whose answer was lost
        await discard(request.services.store, files)
    return json_reply(_submitted(made, token))


def _submission(request: Request, form: Form, token: str) -> Submission:
    source = form.files.get("source")
    if source is None:
        raise Refusal(400, "Source file required")
    platform = form.fields.get("platform", "")
    if platform not in set(Platform):
        raise Refusal(400, "Valid platform required (ios|android)")
    certs = form.files.get("certs")
    files: tuple[Stored, ...] = (source,) if certs is None else (source, certs)
    key = request.headers.get("idempotency-key", "")
    digest = hashlib.sha256(key.encode()).hexdigest()
    return Submission(
        id=new_id(),
        platform=platform,
        token_hash=token_hash(token),
        submit_key=f"key:{digest}" if key else f"once:{new_id()}",
        files=files,
        priority=_priority(form.fields.get("priority", "0")),
    )


def _priority(text: str) -> int:
    """Read how far ahead of the others a build may stand."""
    try:
        priority = int(text.strip() or "0")
    except ValueError:
        priority = _HIGHEST + 1
    if abs(priority) > _HIGHEST:
        raise Refusal(400, f"priority must be a whole number from -{_HIGHEST} to {_HIGHEST}")
    return priority


def _submitted(made: Submitted, token: str) -> shapes.Submitted:
    return shapes.Submitted(
        id=made.id, status="pending", submitted_at=made.submitted_at, access_token=token
    )


async def list_all(request: Request) -> Outcome:
    """List every build, newest first: a bare array, without pages."""
    rows = await builds.list_builds(request.services.db)
    listed = [
        shapes.BuildListed(
            id=row["id"],
            status=row["status"],
            createdAt=iso(row["submitted_at"]),
            completedAt=UNSET if row["completed_at"] is None else iso(row["completed_at"]),
        )
        for row in rows
    ]
    return json_reply(listed)


async def active(request: Request) -> Outcome:
    """List the builds that are with a worker."""
    rows = await builds.list_active(request.services.db)
    return json_reply(shapes.BuildsActive([shapes.BuildActive(**row) for row in rows]))


async def status(request: Request) -> Outcome:
    """Say where a build stands."""
    build = request.held_build()
    return json_reply(
        shapes.BuildStatus(
            id=build.id,
            status=build.status,
            platform=build.platform,
            worker_id=build.worker_id,
            submitted_at=build.submitted_at,
            started_at=build.started_at,
            completed_at=build.completed_at,
            error_message=build.error_message,
        )
    )


async def logs(request: Request) -> Outcome:
    """Return all lines of a build."""
    build = request.held_build()
    rows = await builds.read_logs(request.services.db, build.id)
    return json_reply(shapes.BuildLogs(build.id, [shapes.LogLine(**row) for row in rows]))


async def cancel(request: Request) -> Outcome:
    """End a build for its user."""
    build_id = request.params["id"]
    if not is_build_id(build_id):
        raise Refusal(404, "Build not found")
    verdict = await request.services.queue_manager.call_again(
        Cancel(build_id),
        timeout=COMMAND_SECONDS,
        patience=COMMAND_SECONDS,
        repetition=Cancel(build_id, repeated=True),
    )
    if verdict is Verdict.UNKNOWN_BUILD:
        raise Refusal(404, "Build not found")
    if verdict is Verdict.FINISHED:
        raise Refusal(400, "Build already finished")
    return json_reply(shapes.Cancelled())


def iso(at: int) -> str:
    """Write milliseconds since the epoch as ISO 8601 UTC with milliseconds."""
    moment = datetime.fromtimestamp(at / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at % 1000:03d}Z"
