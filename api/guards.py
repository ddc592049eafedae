"""Who may use a route: two checks a guard, one before the body is read and one after."""

from __future__ import annotations

import hmac
from enum import StrEnum

from actors.domain.build import ACTIVE
from actors.domain.ids import is_build_id, token_hash
from actors.store import builds
from api.errors import Refusal
from api.exchange import Request

NO_KEY = "Missing X-API-Key header"
WRONG_KEY = "Invalid API key"


class Guard(StrEnum):
    """What a route asks for; `docs/api.md` explains each."""

    PUBLIC = "public"
    API_KEY = "API key"
    BUILD = "API key or build token"
    WORKER = "API key and worker id"
    WORKER_OF_BUILD = "API key, and ids of the build and of its worker"
    TELEMETRY = "ids of the build and of its worker"


def check_key(guard: Guard, request: Request) -> None:
    """Check what can be checked without the database; comes before any look at the body."""
    key = request.headers.get("x-api-key", "")
    if guard is Guard.PUBLIC:
        return
    if key:
        if not hmac.compare_digest(key.encode(), request.services.api_key.encode()):
            raise Refusal(403, WRONG_KEY)
        return
    if guard is Guard.BUILD:
        if not request.headers.get("x-build-token"):
            raise Refusal(401, "Missing X-API-Key or X-Build-Token header")
    elif guard is not Guard.TELEMETRY or not _has_both_ids(request):
        raise Refusal(401, NO_KEY)


async def check_access(guard: Guard, request: Request) -> None:
    """Check what needs the build; leaves the build in the request where it was looked up."""
    match guard:
        case Guard.BUILD:
            await _check_token(request)
            request.build = await find_build(request)
        case Guard.WORKER:
            await _check_worker(request)
        case Guard.WORKER_OF_BUILD | Guard.TELEMETRY:
            await _check_worker_of_build(request)
        case Guard.PUBLIC | Guard.API_KEY:
            pass


async def find_build(request: Request) -> builds.Build:
    """Return the build named in the path, or refuse with 404."""
    build_id = request.params["id"]
    build = await builds.get_build(request.services.db, build_id) if is_build_id(build_id) else None
    if build is None:
        raise Refusal(404, "Build not found")
    return build


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
    worker_id = request.headers.get("x-worker-id", "")
    if not worker_id:
        raise Refusal(401, "Missing X-Worker-Id header")
    build = request.build = await find_build(request)
    if build.worker_id is not None and build.worker_id != worker_id:
        raise Refusal(403, "Worker not authorized for this build")
    _check_lease(request, build, "Worker not authorized for this build")


async def _check_worker_of_build(request: Request) -> None:
    worker_id = request.headers.get("x-worker-id", "")
    if not worker_id:
        raise Refusal(401, "Missing X-Worker-Id header")
    build_id = request.headers.get("x-build-id", "")
    if not build_id:
        raise Refusal(401, "Missing X-Build-Id header")
    if build_id != request.params["id"]:
        raise Refusal(403, "X-Build-Id header does not match build ID in URL")
    build = request.build = await find_build(request)
    if build.worker_id != worker_id:
        raise Refusal(403, "Worker not assigned to this build")
    _check_lease(request, build, "Worker not assigned to this build")


def _check_lease(request: Request, build: builds.Build, text: str) -> None:
    """Fence a worker that tells its lease: another one holds the build by now."""
    lease = request.headers.get("x-lease", "")
    if lease and build.status in ACTIVE and lease != build.lease:
        raise Refusal(403, text)


def _has_both_ids(request: Request) -> bool:
    return bool(request.headers.get("x-worker-id") and request.headers.get("x-build-id"))
