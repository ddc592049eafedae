"""Moving workers to another controller: what their polls and heartbeats are answered."""

from __future__ import annotations

from urllib.parse import urlsplit

from actors.domain.ids import is_worker_id
from actors.store import workers
from api.errors import Refusal
from api.exchange import Outcome, Request, json_reply
from api.reading import read_as
from api.wire.workers import ConfigChange, ConfigShown

URL_CHARACTERS = 2048
_BAD_URL = "controller_url must be an http or https URL, or null"


async def show(request: Request) -> Outcome:
    """Show what is set."""
    found = await workers.destinations(request.services.db)
    named = {worker: url for worker, url in found.items() if worker is not None}
    return json_reply(ConfigShown(controller_url=found.get(None), workers=named))


async def change(request: Request) -> Outcome:
    """Set or clear where all workers, or one, are told to go; answers what is set then."""
    body = read_as(request, ConfigChange, _BAD_URL)
    url = _address(body.controller_url)
    if body.worker_id is None:
        await workers.send_everyone(request.services.db, url)
    elif not await _send(request, body.worker_id, url):
        raise Refusal(404, "Worker not found")
    return await show(request)


async def _send(request: Request, worker_id: object, url: str | None) -> bool:
    known = isinstance(worker_id, str) and is_worker_id(worker_id)
    return known and await workers.send_worker(request.services.db, str(worker_id), url)


def _address(value: str | None) -> str | None:
    """Check an address; anything that a worker could not use is refused."""
    if value is None:
        return None
    if len(value) <= URL_CHARACTERS and _is_plain(value):
        try:
            parts = urlsplit(value)
            if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
                return value
        except ValueError:
            pass
    raise Refusal(400, _BAD_URL)


def _is_plain(text: str) -> bool:
    """Whether it is ASCII without spaces and control characters, as an address is."""
    return text.isascii() and text.isprintable() and " " not in text
