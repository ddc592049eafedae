"""Workers with a token let go: of a build, or of all of them."""

from __future__ import annotations

from actors.domain.ids import is_build_id
from actors.queue_manager.messages import Abandon
from api.errors import Refusal
from api.exchange import Outcome, Request, json_reply
from api.reading import read_as
from api.routes.workers import sign_off
from api.settling import COMMAND_SECONDS, NOT_YOURS, refuse
from api.text import storable
from api.wire import workers as shapes

_LONGEST_REASON = 500


async def abandon(request: Request) -> Outcome:
    """Put a build back into the queue; one that waits there already is the same answer again."""
    body = read_as(request, shapes.Abandonment, "build_id required")
    build_id, named = body.build_id, body.worker_id or request.worker_id
    if not is_build_id(build_id):
        raise Refusal(404, "Build not found")
    if named != request.worker_id:
        raise Refusal(*NOT_YOURS)
    verdict = await request.services.queue_manager.call_again(
        Abandon(
            build_id,
            request.worker_id,
            request.headers.get("x-lease") or body.lease,
            _reason(body.reason),
        ),
        timeout=COMMAND_SECONDS,
        patience=COMMAND_SECONDS,
    )
    refuse(verdict)
    return json_reply(shapes.Abandoned(success=True, message="Build requeued successfully"))


async def unregister(request: Request) -> Outcome:
    """Sign off the worker whose token this is."""
    return await sign_off(request, request.worker_id)


def _reason(given: str) -> str:
    return storable(given or "no reason given")[:_LONGEST_REASON]
