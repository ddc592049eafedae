"""One request through its route: key, body, guard, handler, answer; the same for both doors."""

from __future__ import annotations

from contextlib import AbstractContextManager

import structlog
import trio

from actors.domain.events import RequestFailed
from api.errors import RETRY_SECONDS, Answer, ClientGoneError, answer_to
from api.exchange import Outcome, Reply, Request, json_reply, read_json
from api.guards import check_access, check_key
from api.routing import Body, Route
from api.wire.health import Failure

log = structlog.get_logger()


async def handle(route: Route, request: Request) -> Outcome:
    """Return the answer, errors included; only `ClientGoneError` and a cancel pass through."""
    try:
        check_key(route.guard, route.also, request)
        if route.body is Body.JSON:
            request.json = await read_json(request)
        await check_access(route.guard, route.also, request)
        with request.closing:
            if route.body is Body.STREAM:
                request.closing.enter_context(_place(request))
            return await route.handler(request)
    except (ClientGoneError, trio.Cancelled):
        raise
    except Exception as error:  # noqa: BLE001 - the border: every error becomes an answer
        return _failure(route, request, error)


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
