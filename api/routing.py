"""A route as a row: method, path, guard, handler; and the finding of one by a request's path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from api.exchange import Handler
from api.guards import Guard, Token
from api.openapi.words import Media, Taken

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


class Body(Enum):
    """What becomes of a request's body before the handler runs."""

    NONE = "none"  # dropped
    JSON = "json"  # read and decoded, `{}` when empty
    STREAM = "stream"  # left to the handler


class Door(Enum):
    """Which way a request takes: straight to the handler, or through Quart."""

    HOT = "hot"
    QUART = "quart"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One row of the route table. `failure` is the text of a 500, in the words clients know.

    `also` are tokens that open the route instead of what its guard asks for. For the description:
    `reads` is the wire shape of the body (of several, one), `answers` the shape or `Media` of a
    success (likewise), `refuses` are statuses the handler adds to those of guard and body, with
    a shape where it is not `Failure`, and `takes` names query and headers.
    """

    method: str
    path: str
    guard: Guard
    handler: Handler
    failure: str
    does: str
    also: tuple[Token, ...] = ()
    body: Body = Body.NONE
    door: Door = Door.QUART
    reads: tuple[object, ...] = ()
    answers: tuple[object, ...] = ()
    refuses: tuple[int | tuple[int, object], ...] = ()
    takes: tuple[Taken, ...] = ()

    @property
    def name(self) -> str:
        """Name of the row, unique: what metrics and Quart call the route."""
        return f"{self.method} {self.path}"

    @property
    def gives_file(self) -> bool:
        """Whether a success is the bytes of a stored file."""
        return any(isinstance(one, Media) and not one.is_text for one in self.answers)

    @property
    def asks_for(self) -> str:
        """What opens the route, in words."""
        return ", or ".join((self.guard.value, *(token.value for token in self.also)))


@dataclass(frozen=True, slots=True)
class Found:
    """A route and what its path held."""

    route: Route
    params: Mapping[str, str]


class Table:
    """Finds routes by method and path; a fixed segment wins over a `{name}` one."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._fixed: dict[tuple[str, str], Route] = {}
        self._open: list[tuple[Route, list[str]]] = []
        for route in self.routes:
            if "{" in route.path:
                self._open.append((route, route.path.split("/")))
            else:
                self._fixed[route.method, route.path] = route

    def find(self, method: str, path: str) -> Found | None:
        """Return the route of a normalised path; HEAD finds the GET route."""
        method = "GET" if method == "HEAD" else method
        fixed = self._fixed.get((method, path))
        if fixed is not None:
            return Found(fixed, {})
        parts = path.split("/")
        for route, pattern in self._open:
            if route.method == method and len(pattern) == len(parts):
                params = _match(pattern, parts)
                if params is not None:
                    return Found(route, params)
        return None


def normalise(path: str) -> str:
    """Return the path without a trailing slash and with `/api/v2` read as `/api`."""
    if path != "/" and path.endswith("/"):
        path = path[:-1]
    if path.startswith("/api/v2/"):
        path = "/api" + path[len("/api/v2") :]
    return path


def _match(pattern: list[str], parts: list[str]) -> dict[str, str] | None:
    params: dict[str, str] = {}
    for want, have in zip(pattern, parts, strict=True):
        if want.startswith("{"):
            if not have:
                return None
            params[want[1:-1]] = have
        elif want != have:
            return None
    return params
