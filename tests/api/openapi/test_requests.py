"""What the description asks for is what the routes take: all of it, and nothing less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import jsonschema_rs
import pytest

from api.app import description
from api.routing import Body, Route
from tests.support.described import validator_of
from tests.support.farm import Farm, good
from tests.support.machines import granted

READERS = [route for route in description().routes if route.body is Body.JSON and route.reads]
LENIENT = {
    "POST /api/builds/{id}/heartbeat": "progress may be left out",
    "POST /api/builds/{id}/telemetry": "whatever a machine tells is a sign of life",
}
"""Routes that take a body without what its shape asks for, as the contract wants it."""


@dataclass
class Scene:
    """A build at work, with everything that may be shown for it."""

    build_id: str
    worker_id: str
    otp: str
    token: str

    def body(self, route: str) -> dict[str, Any]:
        """Return a body as its shape wants it."""
        build = {"build_id": self.build_id}
        return {
            "POST /api/builds/{id}/logs": {"level": "info", "message": "m"},
            "POST /api/builds/{id}/authenticate": {"otp": self.otp},
            "POST /api/builds/{id}/heartbeat": {"progress": 5},
            "POST /api/builds/{id}/telemetry": {"type": "t", "timestamp": 1, "data": {}},
            "POST /api/workers/register": {"name": "n", "capabilities": {}},
            "POST /api/workers/fail": {**build, "error": "e"},
            "POST /api/workers/heartbeat": build,
            "PATCH /api/workers/config": {"controller_url": None},
            "POST /api/workers/abandon": build,
            "POST /api/diagnostics/report": {
                "worker_id": self.worker_id,
                "status": "healthy",
                "duration_ms": 1,
                "checks": [],
            },
        }[route]

    async def send(self, farm: Farm, route: Route, body: dict[str, Any]) -> httpx.Response:
        """Send a body, with every id there is."""
        path = route.path.replace("{id}", self.build_id)
        ids = {"X-Worker-Id": self.worker_id, "X-Build-Id": self.build_id}
        headers = {**ids, "X-Worker-Token": self.token}
        query = {"worker_id": self.worker_id}
        return await farm.ask(route.method, path, headers, params=query, json=body)


def _name(route: Route) -> str:
    return route.name


def _schema(route: Route) -> dict[str, Any]:
    operation = description().document["paths"][route.path][route.method.lower()]
    return operation["requestBody"]["content"]["application/json"]["schema"]


OURS = [route for route in READERS if not route.path.startswith("/debug/")]


@pytest.mark.parametrize("route", OURS, ids=_name)
async def test_a_body_of_the_described_shape_is_taken(farm: Farm, route: Route) -> None:
    """Valid by the document and 200; an unknown field more changes neither."""
    scene = await _scene(farm)
    body = {**scene.body(route.name), "unknown": [1]}
    validator_of(_schema(route)).validate(body)
    good(await scene.send(farm, route, body))


@pytest.mark.parametrize("route", OURS, ids=_name)
async def test_a_body_without_a_needed_field_is_refused(farm: Farm, route: Route) -> None:
    """Invalid by the document and 400, but where the contract is lenient."""
    scene = await _scene(farm)
    whole = scene.body(route.name)
    validator = validator_of(_schema(route))
    needed = 0
    for field in whole:
        body = {name: value for name, value in whole.items() if name != field}
        try:
            validator.validate(body)
        except jsonschema_rs.ValidationError:
            needed += 1
            if route.name not in LENIENT:
                answer = await scene.send(farm, route, body)
                assert answer.status_code == 400, (field, answer.text)
    assert needed or route.name in LENIENT


async def _scene(farm: Farm) -> Scene:
    build = await granted(farm)
    return Scene(build.id, build.worker_id, build.otp, build.token)
