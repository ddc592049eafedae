"""Who may use a route: two checks a guard, one before the body is read and one after."""

from __future__ import annotations

import hmac
from enum import StrEnum

from actors.domain.build import ACTIVE
from actors.domain.ids import is_build_id, token_hash
from actors.store import builds, credentials
from api.errors import Refusal
from api.exchange import Request

NO_KEY = "Missing X-API-Key header"
WRONG_KEY = "Invalid API key"
NOT_AUTHORIZED = "Worker not authorized for this build"
NOT_ASSIGNED = "Worker not assigned to this build"


class Token(StrEnum):
    """A credential that is made for a while; `docs/api.md` explains each."""

    VM = "VM token"
    WORKER = "worker token"

    @property
    def header(self) -> str:
        """The header that carries it."""
        return "X-VM-Token" if self is Token.VM else "X-Worker-Token"

    def of(self, request: Request) -> str:
        """Return the token that was sent, "" for none."""
        return request.headers.get(self.header.lower(), "")


class Guard(StrEnum):
    """What a route asks for; `docs/api.md` explains each."""

    PUBLIC = "public"
    API_KEY = "API key"
    BUILD = "API key or build token"
    WORKER = "API key and worker id"
    WORKER_OF_BUILD = "API key, and ids of the build and of its worker"
    TELEMETRY = "ids of the build and of its worker"
    POLL = "API key and `?worker_id=`"
    BUILD_ID = "id of the build"
    OTP = "one-time password"
    WORKER_TOKEN = "worker token"  # noqa: S105 - words
    VM = "VM token"
    VM_RESULT = "VM token, also of a build that it completed"


_OPEN = frozenset({Guard.PUBLIC, Guard.BUILD_ID, Guard.OTP})
_BY_TOKEN = {Guard.WORKER_TOKEN: Token.WORKER, Guard.VM: Token.VM, Guard.VM_RESULT: Token.VM}
"""Guards that no API key opens."""


def check_key(guard: Guard, also: tuple[Token, ...], request: Request) -> None:
    """Check what can be checked without the database; comes before any look at the body."""
    if guard in _OPEN:
        return
    if token := _BY_TOKEN.get(guard):
        if not token.of(request):
            raise Refusal(401, f"Missing {token.header} header")
        return
    if request.headers.get("x-api-key"):
        if not has_key(request):
            raise Refusal(403, WRONG_KEY)
        return
    if any(token.of(request) for token in also):
        return
    if guard is Guard.BUILD:
        if not request.headers.get("x-build-token"):
            raise Refusal(401, "Missing X-API-Key or X-Build-Token header")
    elif guard is not Guard.TELEMETRY or not _has_both_ids(request):
        raise Refusal(401, NO_KEY)


async def check_access(guard: Guard, also: tuple[Token, ...], request: Request) -> None:
    """Check what needs the database; leaves what it found in the request."""
    match guard:
        case _ if token := _judged_by(guard, also, request):
            await _check_held_token(token, guard, request)
        case Guard.BUILD:
            await _check_token(request)
            request.build = await _look_up(request)  # `held_build` refuses: not all in one text
        case Guard.WORKER:
            await _check_worker(request)
        case Guard.WORKER_OF_BUILD | Guard.TELEMETRY:
            await _check_worker_of_build(request)
        case _:
            pass


def has_key(request: Request) -> bool:
    """Whether the right API key is sent."""
    key = request.headers.get("x-api-key", "")
    return bool(key) and hmac.compare_digest(key.encode(), request.services.api_key.encode())


def shows_key(guard: Guard, request: Request) -> bool:
    """Whether the API key is sent where it counts; `check_key` has compared it."""
    heeded = guard not in _OPEN and guard not in _BY_TOKEN
    return heeded and bool(request.headers.get("x-api-key"))


def is_known(guard: Guard, also: tuple[Token, ...], request: Request) -> bool:
    """Whether a key or a token speaks for the caller, both checks being passed; no id does."""
    if guard in _OPEN:
        return False
    if guard is not Guard.TELEMETRY or shows_key(guard, request):
        return True
    return _judged_by(guard, also, request) is not None


async def find_build(request: Request) -> builds.Build:
    """Return the build named in the path, or refuse with 404."""
    build = await _look_up(request)
    if build is None:
        raise Refusal(404, "Build not found")
    return build


async def _look_up(request: Request) -> builds.Build | None:
    build_id = request.params["id"]
    return await builds.get_build(request.services.db, build_id) if is_build_id(build_id) else None


def _judged_by(guard: Guard, also: tuple[Token, ...], request: Request) -> Token | None:
    """Return the token to judge by: the API key, with the ids that it needs, goes first."""
    if guard in _BY_TOKEN:
        return _BY_TOKEN[guard]
    if request.headers.get("x-api-key") and _names_its_worker(guard, request):
        return None
    return next((token for token in also if token.of(request)), None)


def _names_its_worker(guard: Guard, request: Request) -> bool:
    match guard:
        case Guard.WORKER:
            return bool(request.headers.get("x-worker-id"))
        case Guard.WORKER_OF_BUILD | Guard.TELEMETRY:
            return _has_both_ids(request)
        case Guard.POLL:
            return bool(request.query.get("worker_id"))
        case _:
            return True


async def _check_held_token(token: Token, guard: Guard, request: Request) -> None:
    if token is Token.VM:
        await _check_vm(request, ended=guard is Guard.VM_RESULT)
        return
    ticket = await credentials.find_worker(request.services.db, token.of(request))
    if ticket is None:
        raise Refusal(401, "Invalid or expired worker token")
    request.ticket = ticket
    request.worker_id = ticket.worker_id
    if guard is Guard.WORKER:
        build = request.build = await find_build(request)
        if build.worker_id != ticket.worker_id:
            raise Refusal(403, NOT_AUTHORIZED)
        _check_lease(request, build, NOT_AUTHORIZED)


async def _check_vm(request: Request, *, ended: bool) -> None:
    """Check the token of a virtual machine; it dies with its attempt.

    With `ended` one whose attempt completed the build is good for a repetition.
    """
    build = request.build = await find_build(request)
    attempt = await credentials.find_attempt(request.services.db, build.id)
    if (
        attempt is None
        or not attempt.opens_to(Token.VM.of(request))
        or not (attempt.live or (ended and attempt.completed))
    ):
        raise Refusal(403, "Invalid or expired VM token")
    request.attempt = attempt
    request.worker_id = attempt.worker_id


async def _check_token(request: Request) -> None:
    if request.headers.get("x-api-key"):
        return
    build_id = request.params["id"]
    token = request.headers.get("x-build-token", "")
    opens = is_build_id(build_id) and await builds.token_opens(
        request.services.db, build_id, token_hash(token)
    )
    if not opens:
        raise Refusal(403, "Invalid or expired build token")


async def _check_worker(request: Request) -> None:
    worker_id = request.worker_id = request.headers.get("x-worker-id", "")
    if not worker_id:
        raise Refusal(401, "Missing X-Worker-Id header")
    build = request.build = await find_build(request)
    if build.worker_id is not None and build.worker_id != worker_id:
        raise Refusal(403, NOT_AUTHORIZED)
    _check_lease(request, build, NOT_AUTHORIZED)


async def _check_worker_of_build(request: Request) -> None:
    worker_id = request.worker_id = request.headers.get("x-worker-id", "")
    if not worker_id:
        raise Refusal(401, "Missing X-Worker-Id header")
    build_id = request.headers.get("x-build-id", "")
    if not build_id:
        raise Refusal(401, "Missing X-Build-Id header")
    if build_id != request.params["id"]:
        raise Refusal(403, "X-Build-Id header does not match build ID in URL")
    build = request.build = await find_build(request)
    if build.worker_id != worker_id:
        raise Refusal(403, NOT_ASSIGNED)
    _check_lease(request, build, NOT_ASSIGNED)


def _check_lease(request: Request, build: builds.Build, text: str) -> None:
    """Fence a worker that tells its lease: another one holds the build by now."""
    lease = request.headers.get("x-lease", "")
    if lease and build.status in ACTIVE and lease != build.lease:
        raise Refusal(403, text)


def _has_both_ids(request: Request) -> bool:
    return bool(request.headers.get("x-worker-id") and request.headers.get("x-build-id"))
