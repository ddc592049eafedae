"""One request through its route: key, body, guard, handler, answer; the same for both doors."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import structlog
import trio

from actors.domain.events import RequestFailed
from api.decoding import read_json
from api.errors import RETRY_SECONDS, Answer, answer_to
from api.exchange import Outcome, Reply, Request, json_reply
from api.guards import Guard, check_access, check_key, is_known, shows_key
from api.routing import Body, Route
from api.server.wire import ClientGoneError
from api.wire.health import Failure

log = structlog.get_logger()


async def handle(route: Route, request: Request) -> Outcome:
    """Return the answer, errors included; only `ClientGoneError` and a cancel pass through."""
    try:
        check_key(route.guard, route.also, request)
        await _admit(route, request)
        with request.closing:
            if route.body is Body.STREAM:
                request.closing.enter_context(_place(request))
            return await route.handler(request)
    except (ClientGoneError, trio.Cancelled):
        raise
    except Exception as error:  # noqa: BLE001 - the border: every error becomes an answer
        return _failure(route, request, error)


async def _admit(route: Route, request: Request) -> None:
    """Read a JSON body and check the caller: first the body with the API key, else the caller."""
    by_key = shows_key(route.guard, request)
    if by_key:
        await _read_body(route, request)
    await check_access(route.guard, route.also, request)
    if not by_key:
        await _read_body(route, request)


async def _read_body(route: Route, request: Request) -> None:
    if route.body is not Body.JSON:
        return
    limits = request.services.limits
    known = is_known(route.guard, route.also, request)
    most = limits.max_json_bytes if known else limits.max_open_json_bytes
    shape = route.reads[0] if route.guard is Guard.OTP else Any
    request.json = await read_json(request, most, shape)


def _place(request: Request) -> AbstractContextManager[None]:
    """Take one of the places for large bodies."""
    services = request.services
    return services.condition.uploads.one(services.limits.max_uploads, "Too many uploads at once")


def _failure(route: Route, request: Request, error: Exception) -> Reply:
    answer = answer_to(error)
    if answer is None:
        log.error("http.handler_crashed", route=route.name, exc_info=error)
        answer = Answer(500, route.failure)
    if answer.status >= 500:  # noqa: PLR2004 - server errors by definition
        request.services.emit(RequestFailed(request.method, route.name, answer.status))
    return error_reply(answer)


def error_reply(answer: Answer) -> Reply:
    """Answer with `{"error": text}`, and when to come back if that may help."""
    reply = json_reply(Failure(answer.text), answer.status)
    if not answer.again:
        return reply
    retry = (b"retry-after", str(RETRY_SECONDS).encode())
    return Reply(reply.body, reply.status, (*reply.headers, retry))
