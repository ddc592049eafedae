"""The routes as an OpenAPI 3.1 document, made of their rows and of the wire shapes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec

from api.openapi import access
from api.openapi.words import RANGE, Media, Taken
from api.routing import Body, Route
from api.wire.health import Failure

Json = dict[str, Any]

ABOUT = """\
All routes under `/api` are there under `/api/v2`, too, and every GET route answers HEAD. Times are
integer milliseconds since the epoch where a field is an integer, ISO 8601 where it is a text. More
fields may come with time. Every error is a `Failure`. Besides the statuses named with a route,
the server may answer any request that is malformed, slow or too much with 400, 408, 429,
431 or 501."""
_TEMPLATE = "#/components/schemas/{name}"
_PLACE = re.compile(r"\{(\w+)\}")


def document(routes: Iterable[Route], version: str) -> Json:
    """Return the whole document; every shape of every route is in it."""
    routes = tuple(routes)
    schemas = _Schemas(routes)
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Expo Free Agent Controller", "version": version, "description": ABOUT},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {
                name: {"type": "apiKey", "in": "header", "name": header, "description": does}
                for name, (header, does) in access.SCHEMES.items()
            },
        },
    }


class _Schemas:
    """The schemas of all shapes that the routes name."""

    def __init__(self, routes: Iterable[Route]) -> None:
        shapes: list[object] = [Failure]
        for route in routes:
            shapes += route.reads
            shapes += [shape for shape in route.answers if not isinstance(shape, Media)]
            shapes += [one for many in access.refusals(route).values() for one in many]
        found, self.components = msgspec.json.schema_components(shapes, ref_template=_TEMPLATE)
        self._of = list(zip(shapes, found, strict=True))

    def any_of(self, shapes: Iterable[object]) -> Json:
        """Return the schema of a body that has one of these shapes."""
        wanted = list(shapes)
        found = [next(schema for known, schema in self._of if known == one) for one in wanted]
        return found[0] if len(found) == 1 else {"anyOf": found}


def _operation(route: Route, schemas: _Schemas) -> Json:
    made: Json = {
        "operationId": re.sub(r"\W+", "_", route.name.lower()).strip("_"),
        "tags": [_tag(route.path)],
        "summary": route.does,
        "description": f"Asks for: {route.asks_for}.",
        "security": access.security(route),
        "parameters": [*_in_path(route.path), *map(_parameter, _taken(route))],
        "responses": _successes(route, schemas) | _refusals(route, schemas),
    }
    if route.reads:
        made["requestBody"] = _body(route, schemas)
    return made


def _tag(path: str) -> str:
    first, _, rest = path.removeprefix("/").partition("/")
    second = rest.partition("/")[0]
    return second if first == "api" and second in {"builds", "workers", "diagnostics"} else "farm"


def _taken(route: Route) -> tuple[Taken, ...]:
    return (*access.headers(route), *route.takes, *([RANGE] if route.gives_file else []))


def _in_path(path: str) -> list[Json]:
    text = {"type": "string", "minLength": 1}
    return [
        {"name": name, "in": "path", "required": True, "schema": text}
        for name in _PLACE.findall(path)
    ]


def _parameter(taken: Taken) -> Json:
    return {
        "name": taken.name,
        "in": taken.place,
        "required": taken.needed,
        "description": taken.does,
        "schema": msgspec.json.schema(taken.kind),
    }


def _body(route: Route, schemas: _Schemas) -> Json:
    kind = "multipart/form-data" if route.body is Body.STREAM else "application/json"
    return {"required": True, "content": {kind: {"schema": schemas.any_of(route.reads)}}}


def _successes(route: Route, schemas: _Schemas) -> Json:
    whole = _success(route, schemas)
    if not route.gives_file:
        return {"200": whole}
    none = {"description": HTTPStatus.NOT_MODIFIED.phrase}
    return {"200": whole, "206": {**whole, "description": "Partial Content"}, "304": none}


def _success(route: Route, schemas: _Schemas) -> Json:
    content: Json = {}
    shapes = [shape for shape in route.answers if not isinstance(shape, Media)]
    if shapes:
        content["application/json"] = {"schema": schemas.any_of(shapes)}
    for media in route.answers:
        if isinstance(media, Media):
            content[media.type] = {"schema": {"type": "string"} if media.is_text else {}}
    return {"description": "OK", "content": content}


def _refusals(route: Route, schemas: _Schemas) -> Json:
    return {
        str(status): {
            "description": HTTPStatus(status).phrase,
            "content": {"application/json": {"schema": schemas.any_of([Failure, *shapes])}},
        }
        for status, shapes in access.refusals(route).items()
    }
