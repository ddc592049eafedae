"""The description as routes of its own: for programs `/openapi.json`, for people `/docs`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from api.exchange import Headers, Outcome, Reply, Request, json_reply
from api.guards import Guard
from api.openapi.document import document
from api.openapi.words import Media
from api.routing import Door, Route

_HTML: Headers = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),
    (b"x-content-type-options", b"nosniff"),
)


class Description:
    """Describes the given routes and its own two; both answers are made once."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = (*routes, *self._own())
        self.document = document(self.routes, _version())
        self._json = json_reply(self.document)
        self._page = Reply(_draw(self.document).encode(), headers=_HTML)

    def _own(self) -> tuple[Route, Route]:
        return (
            Route(
                method="GET",
                path="/openapi.json",
                guard=Guard.PUBLIC,
                handler=self._for_programs,
                failure="The description could not be given",
                does="This description, as OpenAPI 3.1.",
                door=Door.HOT,
                answers=(dict[str, Any],),
            ),
            Route(
                method="GET",
                path="/docs",
                guard=Guard.PUBLIC,
                handler=self._for_people,
                failure="The description could not be drawn",
                does="This description, as a page.",
                door=Door.HOT,
                answers=(Media("text/html"),),
            ),
        )

    async def _for_programs(self, _: Request) -> Outcome:
        return self._json

    async def _for_people(self, _: Request) -> Outcome:
        return self._page


def _draw(described: dict[str, Any]) -> str:
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    templates.filters["shape"] = _shape_name  # pyright: ignore[reportArgumentType] - as jinja wants
    templates.filters["pretty"] = lambda value: json.dumps(value, indent=2)
    groups: dict[str, list[tuple[str, str, Any]]] = {}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            groups.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    return templates.get_template("page.html").render(document=described, groups=groups)


def _shape_name(schema: dict[str, Any]) -> list[str]:
    """Return the names of the shapes that a schema refers to, "" for one without a name."""
    if "anyOf" in schema:
        return [name for one in schema["anyOf"] for name in _shape_name(one)]
    if schema.get("type") == "array":
        return _shape_name(schema["items"])
    return [str(schema.get("$ref", "")).rpartition("/")[2]]


def _version() -> str:
    try:
        return version("expo-free-agent-controller")
    except PackageNotFoundError:  # run from a folder
        return "0"
