"""Junk of every kind into every route: refused or taken, never a crash of ours."""

from __future__ import annotations

import json
import random

import httpx

from api.dashboard.views import pages
from api.routes.table import ROUTES
from api.routing import Body, Route
from supervisors.events import ChildStarted
from tests.support.farm import Farm
from tests.support.form import MULTIPART, Part, body_of

SEED = random.SystemRandom().randrange(2**32)
REQUESTS = 300
_NAMES = (
    "name capabilities id level message logs type data timestamp progress worker_id build_id error"
    " reason otp status duration_ms checks controller_url metrics cpu_percent memory_mb stage"
    " platforms auto_fixed limit wait format demo"
)
WORDS = _NAMES.split()
TEXTS = ["", "x", "a\0b", "\ud83d", "é😀", "true", "ios", "heartbeat", "cpu_snapshot", "info", "-1"]
TEXTS += ["nan", "1e999", "x" * 3000, "../../etc/passwd", "' or 1=1 --", "%s{0}", "healthy"]
NUMBERS = [0, -1, 1, 3.5, 1e308, 2**31, 2**63, 10**30, True, False, None]


class Dice:
    """Makes junk; one seed, one sequence."""

    def __init__(self, known: list[str]) -> None:
        self.random = random.Random(SEED)
        self._known = known

    def text(self) -> str:
        """Return a text, at times one that means something here."""
        return self.random.choice(TEXTS + self._known * 3)

    def value(self, depth: int = 3) -> object:
        """Return a JSON value."""
        kind = self.random.randrange(6 if depth else 3)
        if kind < 2:
            return self.text()
        if kind == 2:
            return self.random.choice(NUMBERS)
        if kind == 3:
            return [self.value(depth - 1) for _ in range(self.random.randrange(4))]
        return self.fields(depth)

    def fields(self, depth: int = 3) -> dict[str, object]:
        """Return an object with names that routes look for."""
        names = self.random.sample(WORDS, self.random.randrange(1, 12))
        return {name: self.value(depth - 1) for name in names}

    def body(self, route: Route) -> tuple[str, bytes]:
        """Return content type and body."""
        if route.body is Body.STREAM:
            names = ["source", "platform", "certs", "result", "artifact", "success", *WORDS[-24:]]
            parts = [
                Part(
                    self.random.choice(names),
                    self.text().encode("utf-8", "replace"),
                    self.random.choice([None, "f"]),
                )
                for _ in range(self.random.randrange(6))
            ]
            return MULTIPART, body_of(*parts)
        return "application/json", json.dumps(self.fields()).encode()


async def send(farm: Farm, dice: Dice, route: Route) -> httpx.Response:
    """Send one request of junk."""
    path = route.path
    for name in ("{id}", "{type}", "{worker_id}"):
        path = path.replace(name, dice.random.choice([*dice._known, "source", "%00", "é"]))
    headers = {"X-API-Key": dice.random.choice([farm.api_key] * 4 + [""])}
    for name in ("X-Worker-Id", "X-Build-Id", "X-Lease", "X-Worker-Token", "X-VM-Token"):
        if dice.random.random() < 0.6:
            headers[name] = dice.random.choice([*dice._known, "", "x"])
    params = {name: dice.text().encode("utf-8", "replace") for name in dice.random.sample(WORDS, 4)}
    params.pop("wait", None)
    if dice.random.random() < 0.7:
        params["worker_id"] = dice.random.choice(dice._known).encode()
    query = httpx.QueryParams({name: text.decode() for name, text in params.items()})
    if route.method == "GET":
        return await farm.ask("GET", path, headers, params=query)
    kind, body = dice.body(route)
    headers["Content-Type"] = kind
    return await farm.ask(route.method, path, headers, params=query, content=body)


async def test_junk_crashes_nothing(farm: Farm) -> None:
    """No 500, no ERROR line, no restart; the farm works as before."""
    print(f"seed {SEED}")
    build_id, worker_id, lease = await farm.assigned()
    pending = (await farm.submit(platform="android"))["id"]
    dice = Dice([build_id, worker_id, lease, pending])
    routes = [
        r for r in (*ROUTES, *pages()) if r.method == "GET" or not r.path.startswith("/debug/")
    ]
    for _ in range(REQUESTS):
        route = dice.random.choice(routes)
        response = await send(farm, dice, route)
        assert response.status_code < 500, (route.name, response.text)
        if response.status_code >= 400:
            assert isinstance(response.json()["error"], str)
    again = [event for event in farm.events.of(ChildStarted) if event.generation > 1]
    assert not again
    await farm.submit()
    worker_id = await farm.register()
    job = await farm.poll(worker_id)
    assert job is not None
    assert (await farm.upload(job["id"], worker_id)).status_code == 200
