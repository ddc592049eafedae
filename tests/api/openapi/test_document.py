"""The description and the routes say the same."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from api.app import description
from api.openapi import access
from api.openapi.document import document
from api.openapi.words import Media
from api.routing import Body, Route
from tests.support.described import check_answer, validator_of
from tests.support.farm import Farm, good

ROUTES = description().routes


def _name(route: Route) -> str:
    return route.name


def _operation(route: Route) -> dict[str, Any]:
    return description().document["paths"][route.path][route.method.lower()]


@pytest.mark.parametrize("route", ROUTES, ids=_name)
def test_every_route_is_described(route: Route) -> None:
    """What it does, what it answers, and the body of those that read one."""
    assert route.answers
    operation = _operation(route)
    assert operation["summary"].endswith(".")
    assert operation["responses"]["200"]["content"]
    assert set(operation["responses"]) >= {str(status) for status in access.refusals(route)}
    if route.body is Body.STREAM:
        assert list(operation["requestBody"]["content"]) == ["multipart/form-data"]


def test_nothing_is_described_that_is_no_route() -> None:
    """Paths and methods of the document are those of the table."""
    described = {
        f"{method.upper()} {path}"
        for path, operations in description().document["paths"].items()
        for method in operations
    }
    assert described == {route.name for route in ROUTES}


def test_operation_ids_are_unique() -> None:
    """Generators make function names of them."""
    ids = [_operation(route)["operationId"] for route in ROUTES]
    assert len(ids) == len(set(ids))


def test_every_reference_leads_somewhere() -> None:
    """No schema names a shape that is not in the document."""
    text = msgspec.json.encode(description().document).decode()
    named = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named == set(description().document["components"]["schemas"])


def test_every_schema_is_one() -> None:
    """JSON Schema 2020-12, as OpenAPI 3.1 wants it."""
    for schema in description().document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)


def test_a_route_without_answer_would_be_found() -> None:
    """The test above is no empty one: a bare row has no content to show."""
    bare = Route(
        method="GET",
        path="/bare",
        guard=ROUTES[0].guard,
        handler=ROUTES[0].handler,
        failure="",
        does="Nothing.",
    )
    made = document([bare], "0")
    assert made["paths"]["/bare"]["get"]["responses"]["200"]["content"] == {}


async def test_the_document_is_public_and_the_same_everywhere(farm: Farm) -> None:
    """Under both names, with and without key; a browser on another page may read it."""
    answer = await farm.get("/openapi.json", x_api_key="", origin="https://tool.example")
    assert good(answer) == description().document
    assert answer.headers["access-control-allow-origin"] == "https://tool.example"
    assert answer.json()["openapi"] == "3.1.0"


async def test_the_page_names_every_route_and_needs_nothing_else(farm: Farm) -> None:
    """No script, no file from elsewhere, and every link of it leads somewhere on it."""
    answer = await farm.get("/docs", x_api_key="")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = _Page()
    page.feed(answer.text)
    assert not page.tags & {"script", "link", "img", "iframe"}
    assert {link for link in page.links if not link.startswith("#")} == {"openapi.json"}
    assert {link[1:] for link in page.links if link.startswith("#")} <= page.ids
    for route in ROUTES:
        assert f"<b>{route.method}</b> <code>{route.path}</code>" in answer.text
        assert _operation(route)["operationId"] in page.ids


class _Page(HTMLParser):
    """Gathers what the test above asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: set[str] = set()
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.add(tag)
        found = {name: value or "" for name, value in attrs}
        self.links |= {found["href"]} if "href" in found else set()
        self.ids |= {found["id"]} if "id" in found else set()


async def test_an_answer_that_is_not_described_is_found(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What every test of the farm relies on: another status, another shape, another type fail."""
    answer = await farm.get("/api/stats")
    responses = description().document["paths"]["/api/stats"]["get"]["responses"]
    shape = responses["200"]
    monkeypatch.delitem(responses, "200")
    with pytest.raises(AssertionError, match="answers 200, which is not described"):
        check_answer(answer)
    monkeypatch.setitem(responses, "200", {"content": {"text/plain": {}}})
    with pytest.raises(AssertionError, match="as application/json, which is not described"):
        check_answer(answer)
    other = validator_of({"$ref": "#/components/schemas/Health"})
    assert shape
    with pytest.raises(jsonschema_rs.ValidationError):
        other.validate(answer.json())


@pytest.mark.parametrize("route", ROUTES, ids=_name)
def test_media_that_are_no_json_are_named(route: Route) -> None:
    """A file or a text is described by its type."""
    named = set(_operation(route)["responses"]["200"]["content"])
    assert named >= {one.type for one in route.answers if isinstance(one, Media)}
