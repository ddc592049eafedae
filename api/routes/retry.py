"""A build once more: a new one, made of the files of an old one, without copying them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import trio

from actors.domain.artifact import Kind, Stored
from actors.domain.ids import new_id, new_token, token_hash
from actors.queue_manager.messages import Retry
from actors.store import builds
from actors.store.retry import Retrial
from api.errors import Refusal
from api.exchange import Outcome, Request, json_reply
from api.settling import COMMAND_SECONDS
from api.wire import builds as shapes

GONE = "Original build source no longer available. Please submit a new build."


async def retry(request: Request) -> Outcome:
    """Submit the files of a build once more; certificates that are gone are left out."""
    original = request.held_build()
    kinds = await _kinds_there(request, await builds.inputs(request.services.db, original.id))
    if Kind.SOURCE not in kinds:
        raise Refusal(400, GONE)
    token = new_token()
    retrial = Retrial(
        id=new_id(),
        original_id=original.id,
        token_hash=token_hash(token),
        submit_key=_submit_key(request, original.id),
        kinds=kinds,
    )
    made = await request.services.queue_manager.call_again(
        Retry(retrial), timeout=COMMAND_SECONDS, patience=COMMAND_SECONDS
    )
    if made is None:
        raise Refusal(400, GONE)
    return json_reply(
        shapes.Retried(made.id, "pending", made.submitted_at, token, original_build_id=original.id)
    )


async def _kinds_there(request: Request, files: Sequence[Stored]) -> tuple[Kind, ...]:
    """Return the kinds of those files whose bytes are all there."""
    store = request.services.store

    def look() -> tuple[Kind, ...]:
        return tuple(f.kind for f in files if store.size(f.location) == f.size)

    return await trio.to_thread.run_sync(look)


def _submit_key(request: Request, original_id: str) -> str:
    key = request.headers.get("idempotency-key", "")
    if not key:
        return f"once:{new_id()}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f"retry:{original_id}:{digest}"
