"""The virtual machine of a build: comes with a password, works with a token, brings the app."""

from __future__ import annotations

from actors.domain.artifact import Kind
from actors.domain.ids import new_id
from actors.recorder.messages import Heard, Sign
from actors.store import credentials
from actors.store.credentials import Attempt
from actors.store.queue import Report
from api.errors import Refusal
from api.exchange import Outcome, Request, json_reply
from api.form import Form, FormReader
from api.guards import find_build
from api.reading import read_as
from api.routes.builds import iso
from api.settling import settle
from api.wire import vm as shapes


async def authenticate(request: Request) -> Outcome:
    """Give the token of the machine for the one-time password of its build."""
    otp = read_as(request, shapes.Password, "Missing required parameter: otp").otp
    build = await find_build(request)
    db = request.services.db
    attempt = await credentials.find_attempt(db, build.id)
    if attempt is None or not attempt.live:
        raise Refusal(401, "No OTP configured for this build")
    if not attempt.has_otp(otp) or attempt.otp_used:
        raise Refusal(401, "Invalid OTP")
    if not attempt.otp_lasts:
        raise Refusal(401, "OTP expired")
    expires_at = await credentials.use_otp(db, build.id, attempt.lease, new_id())
    if expires_at is None:
        raise Refusal(401, "Invalid OTP")  # somebody was faster
    _heard(request, attempt, working=False)
    return json_reply(shapes.Authenticated(attempt.vm_token, iso(expires_at)))


async def vm_ready(request: Request) -> Outcome:
    """Note that the machine is ready."""
    attempt = _attempt(request)
    since = await credentials.note_vm_ready(
        request.services.db, request.params["id"], attempt.lease
    )
    if since is None:
        raise Refusal(403, "Invalid or expired VM token")  # its attempt has just ended
    _heard(request, attempt, working=True)
    return json_reply(shapes.ReadyNoted(success=True, vm_ready_at=iso(since)))


async def vm_status(request: Request) -> Outcome:
    """Tell a worker that its machine is ready, while it is at work; polled every two seconds."""
    build = await find_build(request)
    attempt = await credentials.find_attempt(request.services.db, build.id)
    if attempt is None or attempt.vm_ready_at is None or not (attempt.live and attempt.vm_lasts):
        return json_reply(shapes.NotReady())
    return json_reply(shapes.MachineReady(attempt.vm_token, iso(attempt.vm_ready_at)))


async def artifact(request: Request) -> Outcome:
    """Take the result from the machine: the build is completed, in the name of its worker."""
    attempt, build_id = _attempt(request), request.params["id"]

    def sign(_: Form) -> None:
        _heard(request, attempt, working=True)

    form = await FormReader(request, {"artifact": Kind.RESULT}, sign).read()
    result = form.files.get("artifact")
    if result is None:
        raise Refusal(400, "No artifact file provided")
    report = Report(
        build_id=build_id,
        worker_id=attempt.worker_id,
        lease=attempt.lease,
        success=True,
        error="",
        artifact=result,
    )
    await settle(request, report, [result])
    return json_reply(shapes.ArtifactTaken())


def _attempt(request: Request) -> Attempt:
    """Return the attempt that the guard has looked up."""
    if request.attempt is None:
        raise TypeError("the guard of this route looks no attempt up")
    return request.attempt


def _heard(request: Request, attempt: Attempt, *, working: bool) -> None:
    sign = Sign(build_id=request.params["id"], worker_id=attempt.worker_id, working=working)
    request.services.recorder.cast(Heard(sign))
