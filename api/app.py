"""The Quart-Trio application: the ordinary routes and the pages, and how errors look there."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import cast

from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from api.dashboard.views import pages
from api.errors import Answer, Refusal
from api.exchange import TOO_LARGE, Message, Outcome, Reply, Scope
from api.front import ASGI, Front, stashed
from api.handling import error_reply, handle
from api.openapi.pages import Description
from api.routes.table import ROUTES
from api.routing import Body, Door, Table
from api.server.serve import ASGIApp
from api.services import Services

_HERE = Path(__file__).parent


@cache
def description() -> Description:
    """Return all routes, pages included, with their description."""
    return Description((*ROUTES, *pages()))


def make_app(services: Services) -> ASGIApp:
    """Return the whole facade as one ASGI application."""
    table = Table(description().routes)
    quart = QuartTrio("api", template_folder=str(_HERE / "dashboard" / "templates"))
    quart.config["MAX_CONTENT_LENGTH"] = services.limits.max_json_bytes
    quart.config["RESPONSE_TIMEOUT"] = None
    for route in table.routes:
        if route.door is Door.QUART:
            rule = route.path.replace("{", "<").replace("}", ">")
            quart.add_url_rule(rule, route.name.replace(".", "_"), _view, methods=[route.method])
    quart.register_error_handler(HTTPException, _http_error)
    return cast("ASGIApp", Front(table, services, cast("ASGI", quart)))


async def _view(**_: str) -> Response:
    """Run the route that `Front` found."""
    route, ours = stashed(cast("Scope", request.scope))
    if route.body is Body.JSON:
        ours.receive = _body
    return _response(await handle(route, ours))


async def _body() -> Message:
    """Give the body that Quart reads, whole; only asked for once the key is checked."""
    try:
        data = await request.get_data(as_text=False)
    except RequestEntityTooLarge:
        raise Refusal(413, TOO_LARGE) from None
    return {"type": "http.request", "body": data, "more_body": False}


async def _http_error(error: HTTPException) -> Response:
    """Give Quart's own errors the shape of ours."""
    status = error.code or 500
    return _response(error_reply(Answer(status, error.name)))


def _response(outcome: Outcome) -> Response:
    if not isinstance(outcome, Reply):
        raise TypeError("files and streams are for hot routes")
    response = Response(outcome.body, status=outcome.status)
    response.headers.clear()
    for name, value in outcome.headers:
        response.headers[name.decode()] = value.decode()
    response.headers["content-length"] = str(len(outcome.body))
    return response
