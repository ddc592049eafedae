"""Workers: register, ask for work, report the end of a build, sign off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from actors.domain.artifact import Kind
from actors.domain.errors import UnavailableError
from actors.domain.events import WorkerRegistered
from actors.domain.ids import is_build_id, is_worker_id, new_id
from actors.domain.worker import serves
from actors.queue_manager.messages import RequestWork, Unregister
from actors.recorder.messages import Heard, Seen, Sign
from actors.store import credentials, queue
from actors.store.patience import through_outage
from actors.store.queue import ClaimAnswer, Job, Report
from api.departure import until_departure
from api.errors import Refusal
from api.exchange import Outcome, Request, json_reply
from api.form import Form, FormReader, discard
from api.reading import read_as
from api.settling import COMMAND_SECONDS, FINISHED, NOT_YOURS, is_completed_by, settle
from api.text import storable, storable_json
from api.wire import workers as shapes

MAX_HOLD = 60.0
NAME_LENGTH = 200
CAPABILITIES_BYTES = 16 * 1024
_NOT_ENOUGH = "Name and capabilities required"
_LONG_NAME = f"The name of a worker has at most {NAME_LENGTH} characters"
_MUCH_ABLE = f"The capabilities of a worker have at most {CAPABILITIES_BYTES} bytes of JSON"


async def register(request: Request) -> Outcome:
    """Make a worker, or take a known one back under its id."""
    body = read_as(request, shapes.Registration, _NOT_ENOUGH)
    if body.capabilities not in ({}, []) and not body.capabilities:
        raise Refusal(400, _NOT_ENOUGH)
    if len(body.name) > NAME_LENGTH:
        raise Refusal(400, _LONG_NAME)
    if len(msgspec.json.encode(body.capabilities)) > CAPABILITIES_BYTES:
        raise Refusal(400, _MUCH_ABLE)
    services = request.services
    worker_id = _own_id(body.id)
    named, able = storable(body.name), storable_json(body.capabilities)
    known = await through_outage(
        lambda: queue.register(services.db, worker_id, named, able, serves(able))
    )
    token = await credentials.issue_worker_token(services.db, worker_id)
    services.emit(WorkerRegistered(worker_id, known))
    status = "re-registered" if known else "registered"
    return json_reply(shapes.Registered(worker_id, status, services.base_image_id, token))


def _own_id(given: object) -> str:
    """Return the id that a worker brings, or a new one."""
    if not given:
        return new_id()
    if not isinstance(given, str) or not is_worker_id(given):
        raise Refusal(400, "Invalid worker id")
    return given


async def poll(request: Request) -> Outcome:
    """Give a worker its build; with `wait` the answer may take as long as that.

    A worker that asks with its token is told the one to ask with next.
    """
    worker_id = request.worker_id or request.query.get("worker_id", "")
    if not worker_id:
        raise Refusal(400, "worker_id required")
    if not is_worker_id(worker_id):
        raise Refusal(404, "Worker not found")
    services = request.services
    hold = _hold(request)
    if hold:
        services.recorder.cast(Seen(worker_id))
    message = RequestWork(worker_id, hold)
    seconds = hold + COMMAND_SECONDS

    def ask() -> Awaitable[ClaimAnswer]:
        return services.queue_manager.call_again(message, timeout=seconds, patience=seconds)

    answer = await (_held(request, ask) if hold else ask())
    if not hold:  # before, its write could lock the worker just when the claim passes it by
        services.recorder.cast(Seen(worker_id))
    if not answer.known:
        raise Refusal(404, "Worker not found")
    if answer.job is not None and not answer.job.fresh:
        sign = Sign(build_id=answer.job.build_id, worker_id=worker_id, working=False)
        services.recorder.cast(Heard(sign))
    job = _job(answer.job, services.base_image_id)
    polled = shapes.Polled(job, shapes.config_of(answer.controller_url))
    if request.ticket is not None:
        polled.access_token = await credentials.lasting_token(services.db, request.ticket)
    return json_reply(polled)


async def _held(request: Request, ask: Callable[[], Awaitable[ClaimAnswer]]) -> ClaimAnswer:
    """Wait for work, in one of the places for polls that are held."""
    services = request.services
    with services.condition.held_polls.one(services.limits.max_held_polls, "Too many polls wait"):
        return await until_departure(request, ask())


def _hold(request: Request) -> float:
    """How many seconds this poll may be held; one that did not ask for it only if there is room."""
    text = request.query.get("wait")
    services = request.services
    if text is None:
        room = services.condition.held_polls.taken < services.limits.max_held_polls
        return services.poll_hold_seconds if room else 0.0
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MAX_HOLD:
        raise Refusal(400, f"wait must be a number of seconds from 0 to {MAX_HOLD:.0f}")
    return seconds


def _job(job: Job | None, base_image_id: str) -> shapes.Job | None:
    if job is None:
        return None
    path = f"/api/builds/{job.build_id}"
    return shapes.Job(
        id=job.build_id,
        platform=job.platform,
        source_url=f"{path}/source",
        certs_url=f"{path}/certs" if job.has_certs else None,
        baseImageId=base_image_id,
        attempt=job.attempt,
        lease=job.lease,
        otp=job.otp,
    )


async def upload(request: Request) -> Outcome:
    """Take the end of a build: the result, or why there is none."""
    form = await FormReader(request, {"result": Kind.RESULT}, sign_of(request)).read()
    files = list(form.files.values())
    try:
        report = await _own_report(request, form)
    except (Refusal, UnavailableError):
        await discard(request.services.store, files)
        raise
    try:
        await settle(request, report, files)
    except Refusal as refusal:
        # the build's machine may have brought the result, and its worker only says so
        brought = form.fields.get("success") == "true"
        if not (
            brought
            and (refusal.status, refusal.text) == FINISHED
            and await is_completed_by(request, report)
        ):
            raise
        return json_reply(shapes.UploadTaken("success"))
    return json_reply(shapes.UploadTaken("success" if report.success else "failed"))


async def _own_report(request: Request, form: Form) -> Report:
    """Read the report; a worker's token is good for the builds that the worker has or had."""
    report = _report(request, form)
    if request.ticket is None:
        return report
    worker_id, db = request.ticket.worker_id, request.services.db
    if report.worker_id != worker_id or await credentials.is_foreign(
        db, report.build_id, worker_id
    ):
        raise Refusal(*NOT_YOURS)
    return report


def _report(request: Request, form: Form) -> Report:
    build_id = form.fields.get("build_id", "")
    worker_id = form.fields.get("worker_id") or request.worker_id
    if not build_id or not worker_id:
        raise Refusal(400, "build_id and worker_id required")
    result = form.files.get("result")
    success = form.fields.get("success") == "true" and result is not None
    return Report(
        build_id=build_id,
        worker_id=worker_id,
        lease=request.headers.get("x-lease") or form.fields.get("lease") or None,
        success=success,
        error=form.fields.get("error_message") or "Build failed",
        artifact=result if success else None,
    )


def sign_of(request: Request) -> Callable[[Form], None]:
    """Return what makes the bytes of a result count as life, once it is known whose they are."""

    def sign(form: Form) -> None:
        build_id = form.fields.get("build_id", "")
        worker_id = form.fields.get("worker_id") or request.worker_id
        if is_build_id(build_id) and is_worker_id(worker_id):
            heard = Heard(Sign(build_id=build_id, worker_id=worker_id, working=True))
            request.services.recorder.cast(heard)

    return sign


async def unregister(request: Request) -> Outcome:
    """Sign a worker off; what it was building goes back to the queue."""
    return await sign_off(request, request.params["id"])


async def sign_off(request: Request, worker_id: str) -> Outcome:
    """Sign this worker off, or refuse with 404."""
    returned = None
    if is_worker_id(worker_id):
        returned = await request.services.queue_manager.call_again(
            Unregister(worker_id), timeout=COMMAND_SECONDS, patience=COMMAND_SECONDS
        )
    if returned is None:
        raise Refusal(404, "Worker not found")
    return json_reply(
        shapes.Unregistered(success=True, message="Worker unregistered", builds_reassigned=returned)
    )
