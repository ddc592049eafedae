"""Ends and signs of life as workers of the other protocol report them: by build, not by worker.

They need not say who they are, so the worker that holds the build is taken for them; if they do
(`worker_id`, or `lease`), they are held to it.
"""

from __future__ import annotations

from actors.domain.artifact import Kind
from actors.domain.build import ACTIVE, FINISHED
from actors.domain.ids import is_build_id
from actors.recorder.messages import Record, Sign
from actors.store import builds
from actors.store.builds import Build
from actors.store.queue import Report
from api import settling
from api.errors import Refusal
from api.exchange import Outcome, Request, json_reply
from api.form import Form, FormReader, discard
from api.reading import read_as
from api.routes.progress import is_cancelled
from api.routes.workers import sign_of
from api.text import cut, storable
from api.wire import workers as shapes

_DONE = "Result uploaded successfully"
_FAILED = "Build marked as failed"


async def result(request: Request) -> Outcome:
    """Take the end of a build; a success unless it says otherwise."""
    form = await FormReader(request, {"result": Kind.RESULT}, sign_of(request)).read()
    files = list(form.files.values())
    try:
        report = await _result_report(request, form)
    except BaseException:
        await discard(request.services.store, files)
        raise
    await settling.settle(request, report, files)
    if report.success:
        return json_reply(shapes.ResultTaken("success", success=True, message=_DONE))
    return json_reply(shapes.ResultTaken("failed", success=True, message=_FAILED))


async def _result_report(request: Request, form: Form) -> Report:
    if not form.fields.get("build_id"):
        raise Refusal(400, "build_id required")
    build = await _find(request, form.fields["build_id"])
    worker_id = _reporter(request, build, form.fields.get("worker_id", ""))
    stored = form.files.get("result")
    success = form.fields.get("success", "true") == "true"
    if success and stored is None:
        raise Refusal(400, "Missing result file")
    return Report(
        build_id=build.id,
        worker_id=worker_id,
        lease=request.headers.get("x-lease") or form.fields.get("lease") or None,
        success=success,
        error=form.fields.get("error_message") or "Build failed",
        artifact=stored if success else None,
    )


async def fail(request: Request) -> Outcome:
    """End a build with the worker's words."""
    body = read_as(request, shapes.BuildFailure, "build_id and error required")
    build = await _find(request, body.build_id)
    report = Report(
        build_id=build.id,
        worker_id=_reporter(request, build, body.worker_id),
        lease=request.headers.get("x-lease") or body.lease or None,
        success=False,
        error=storable(cut(body.error, request.services.limits.max_log_line)),
        artifact=None,
    )
    await settling.settle(request, report, [])
    return json_reply(shapes.FailureTaken(success=True, message=_FAILED))


async def heartbeat(request: Request) -> Outcome:
    """Note a sign of life of whoever holds the build."""
    body = read_as(request, shapes.BuildLife, "build_id required")
    build = request.build = await _find(request, body.build_id)
    named = body.worker_id or request.headers.get("x-worker-id", "")
    lease = request.headers.get("x-lease", "") or body.lease
    fenced = lease and build.status in ACTIVE and lease != build.lease
    if fenced or (named and named != build.worker_id):
        raise Refusal(*settling.NOT_YOURS)
    if build.worker_id is not None:
        sign = Sign(build_id=build.id, worker_id=build.worker_id, working=True)
        await request.services.recorder.call_again(Record(build_id=build.id, sign=sign), timeout=25)
    return json_reply(
        shapes.LifeTaken(
            success=True,
            cancelled=is_cancelled(request),
            config=shapes.config_of(build.controller_url),
        )
    )


async def _find(request: Request, build_id: str) -> Build:
    build = await builds.get_build(request.services.db, build_id) if is_build_id(build_id) else None
    if build is None:
        raise Refusal(404, "Build not found")
    return build


def _reporter(request: Request, build: Build, given: str) -> str:
    """Return in whose name a report is judged: who sends it, else who holds or held the build."""
    named = given or request.headers.get("x-worker-id", "") or build.worker_id
    if named:
        return named
    raise Refusal(*(settling.FINISHED if build.status in FINISHED else settling.NOT_YOURS))
