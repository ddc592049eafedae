"""Answers held against our own description of them."""

from __future__ import annotations

from functools import cache
from typing import Any

import httpx
import jsonschema_rs

from api.app import description
from api.routing import Table, normalise

ANY_REQUEST = frozenset({400, 408, 429, 431, 501})
"""What the server may answer before it has looked for a route."""


def check_answer(response: httpx.Response) -> None:
    """Fail when the description knows neither the status nor the body of this answer."""
    method = response.request.method
    found = _table().find(method, normalise(response.request.url.path))
    if found is None or method == "OPTIONS":
        return
    path, status = found.route.path, str(response.status_code)
    answers = description().document["paths"][path][found.route.method.lower()]["responses"]
    if response.status_code in ANY_REQUEST and status not in answers:
        return
    assert status in answers, f"{method} {path} answers {status}, which is not described"
    if method == "HEAD" or "content" not in answers[status]:
        return
    kind = response.headers["content-type"].partition(";")[0]
    content = answers[status]["content"]
    assert kind in content, f"{method} {path} answers {status} as {kind}, which is not described"
    if kind == "application/json":
        _validator(found.route.method, path, status).validate(response.json())


@cache
def _table() -> Table:
    return Table(description().routes)


@cache
def _validator(method: str, path: str, status: str) -> Any:
    return validator_of(_answer_schema(method, path, status))


def _answer_schema(method: str, path: str, status: str) -> dict[str, Any]:
    operation = description().document["paths"][path][method.lower()]
    return operation["responses"][status]["content"]["application/json"]["schema"]


def validator_of(schema: dict[str, Any]) -> Any:
    """Return what validates a value against a schema of the document."""
    components = description().document["components"]
    return jsonschema_rs.Draft202012Validator({**schema, "components": components})
