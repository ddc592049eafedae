"""In which order a request is judged: route, key, body, guard, handler."""

from __future__ import annotations

import pytest
import trio

from api.dashboard.views import pages
from api.guards import Guard
from api.routes.table import ROUTES as ALL
from api.routing import Route
from tests.support.farm import Farm, good, refused

NOWHERE = "x" * 21
LARGE = b" " * (1024 * 1024 + 1)
LATER = {Guard.OTP, Guard.BUILD_ID, Guard.WORKER_TOKEN, Guard.VM, Guard.VM_RESULT}
"""Guards that no API key opens; `routes/test_guards.py` has them."""
ROUTES = [route for route in ALL if route.guard not in LATER]
JSON_POSTS = [route for route in ROUTES if route.method == "POST" and route.body.value == "json"]
OPEN = {Guard.BUILD_ID, Guard.OTP}
BY_TOKEN = {
    Guard.WORKER_TOKEN: "X-Worker-Token",
    Guard.VM: "X-VM-Token",
    Guard.VM_RESULT: "X-VM-Token",
}
TOKENS = {"X-Worker-Token": "t", "X-VM-Token": "t"}


def path_of(route: Route) -> str:
    """Fill in an id that nothing has."""
    return route.path.replace("{id}", NOWHERE)


async def test_unknown_paths_and_methods_are_404_without_any_key(farm: Farm) -> None:
    """Also under /api, and never 405."""
    for method, path in (
        ("GET", "/nothing"),
        ("GET", "/api/nothing"),
        ("GET", "/api"),
        ("DELETE", "/api/builds"),
        ("PUT", "/api/builds/submit"),
        ("PATCH", "/health"),
        ("POST", "/api/builds//cancel"),
        ("GET", f"/api/builds/{NOWHERE}/nothing"),
        ("GET", "/static/x.css"),
        ("PROPFIND", "/"),
    ):
        for key in ("", "wrong", farm.api_key):
            response = await farm.ask(method, path, {"X-API-Key": key}, content=b"{")
            assert refused(response) == (404, "Not found"), (method, path)
            assert response.reason_phrase == "Not Found"


async def test_every_route_asks_for_the_key_unless_its_guard_is_public(farm: Farm) -> None:
    """401 without key, 403 with a wrong one; where a token is asked for, no key helps."""
    for route in (*ROUTES, *pages()):
        path = path_of(route)
        bare = await farm.ask(route.method, path, {"X-API-Key": ""})
        wrong = await farm.ask(route.method, path, {"X-API-Key": "wrong"})
        if route.guard is Guard.PUBLIC:
            assert (bare.status_code, wrong.status_code) == (200, 200), route.name
        elif route.guard in OPEN:
            assert bare.status_code in {400, 404}, route.name
        elif route.guard in BY_TOKEN:
            assert refused(bare) == (401, f"Missing {BY_TOKEN[route.guard]} header"), route.name
            assert refused(wrong) == refused(bare), route.name
        else:
            text = "Missing X-API-Key header"
            if route.guard is Guard.BUILD:
                text = "Missing X-API-Key or X-Build-Token header"
            assert refused(bare) == (401, text), route.name
            assert refused(wrong) == (403, "Invalid API key"), route.name


@pytest.mark.parametrize("key", ["", "wrong"])
async def test_the_key_is_judged_before_the_body(farm: Farm, key: str) -> None:
    """Malformed, too large or of a strange type: 401 or 403 all the same."""
    for route in ROUTES:
        if route.method != "POST" or route.guard in OPEN:
            continue
        status = 403 if key and route.guard not in BY_TOKEN else 401
        for kind, body in (("application/json", b"{"), ("application/json", LARGE), ("x/y", b"?")):
            headers = {"X-API-Key": key, "Content-Type": kind}
            response = await farm.ask("POST", path_of(route), headers, content=body)
            assert refused(response)[0] == status, route.name


async def test_the_body_is_judged_before_the_guard(farm: Farm) -> None:
    """A build that does not exist is 404 only after a body that can be read."""
    assert len(JSON_POSTS) >= 6
    for route in JSON_POSTS:
        headers = {"Content-Type": "application/json", **TOKENS}
        for body in (b"{", b'{"a":NaN}', b'{"a":1e999}', b"\xff\xfe", b'"\xff"', b"[" * 900):
            response = await farm.ask("POST", path_of(route), headers, content=body)
            assert refused(response) == (400, "Bad Request"), (route.name, body[:20])
        response = await farm.ask("POST", path_of(route), headers, content=LARGE)
        assert refused(response) == (413, "Request body is too large"), route.name
        assert response.reason_phrase == "Payload Too Large"
        headers = {"Content-Type": "text/plain", **TOKENS}
        response = await farm.ask("POST", path_of(route), headers, content=b"{}")
        assert refused(response) == (415, "Unsupported Media Type"), route.name


async def test_an_empty_body_means_an_empty_object(farm: Farm) -> None:
    """With JSON content type, with another one, with none: the CLI's cancel works."""
    for route in JSON_POSTS:
        answers = set()
        for kind in ("application/json", "text/plain", ""):
            headers = {"Content-Type": kind, **TOKENS}
            response = await farm.ask("POST", path_of(route), headers)
            answers.add(refused(response))
        (answer,) = answers
        assert answer[0] in {400, 401, 404}, route.name
        assert answer[1] not in {"Bad Request", "Not found"}, route.name


async def test_cancel_of_the_cli_is_taken(farm: Farm) -> None:
    """POST, JSON content type, no body."""
    build = await farm.submit()
    path = f"/api/builds/{build['id']}/cancel"
    answer = await farm.ask("POST", path, {"Content-Type": "application/json"})
    assert good(answer) == {"status": "cancelled"}


async def test_json_of_other_types_than_an_object_is_an_empty_one(farm: Farm) -> None:
    """No crash: the answer of a body without any field."""
    for body in ([], [1], "text", 5, 1.5, True, None):
        response = await farm.ask("POST", "/api/workers/register", json=body)
        assert refused(response) == (400, "Name and capabilities required")


async def test_a_body_of_exactly_the_limit_is_read(farm: Farm) -> None:
    """1 MiB of spaces around an object."""
    for path in ("/api/workers/register", f"/api/builds/{NOWHERE}/heartbeat"):
        body = b"{" + b" " * (1024 * 1024 - 2) + b"}"
        headers = {"Content-Type": "application/json; charset=utf-8"}
        response = await farm.ask("POST", path, headers, content=body)
        assert refused(response)[0] == 400
        assert "required" in response.text


async def test_nesting_is_bounded(farm: Farm) -> None:
    """What is stored can be read again: 64 levels are kept, 65 refused."""
    for depth, status in ((63, 200), (64, 400), (500, 400)):
        body = b'{"name":"deep","capabilities":' + b"[" * depth + b"]" * depth + b"}"
        headers = {"Content-Type": "application/json"}
        response = await farm.ask("POST", "/api/workers/register", headers, content=body)
        assert response.status_code == status, depth
    many = [{"level": "info", "message": "x"}] * 500
    response = await farm.post(f"/api/builds/{NOWHERE}/logs", {"logs": many}, x_worker_id="w")
    assert refused(response) == (404, "Build not found")


async def test_strange_ids_are_unknown_builds(farm: Farm) -> None:
    """NUL, newline, dots, slashes and other alphabets reach no statement and no file."""
    for strange in ("%00" * 21, "%0A", "..", "%2E%2E%2Fetc", "%ED%A0%80", "x" * 20, "é" * 21, "%"):
        for method, what in (("GET", "status"), ("GET", "logs"), ("POST", "cancel")):
            response = await farm.ask(method, f"/api/builds/{strange}/{what}")
            wanted = {(404, "Build not found"), (404, "Not found")}
            assert refused(response) in wanted, (strange, what)
        for method, what in (("GET", "source"), ("GET", "certs"), ("POST", "logs")):
            response = await farm.ask(method, f"/api/builds/{strange}/{what}", {"X-Worker-Id": "w"})
            assert response.status_code == 404, (strange, what)
        response = await farm.ask("POST", f"/api/workers/{strange}/unregister")
        assert response.status_code == 404
    assert good(await farm.get("/ready"))["ready"]


async def test_a_key_is_compared_exactly(farm: Farm) -> None:
    """Parts of it, more than it, other cases, other alphabets and two at once are wrong."""
    key = farm.api_key
    strange = [key[:-1], key + "x", key.upper(), f"{key}, {key}", "é", "\x80\xff"]
    for given in strange:
        answer = await farm.http.get("/api/builds", headers={"X-API-Key": given.encode("latin-1")})
        assert refused(answer) == (403, "Invalid API key"), given
    twice = [("X-API-Key", key), ("X-API-Key", key)]
    assert refused(await farm.http.get("/api/builds", headers=twice))[0] == 403
    assert (await farm.http.get("/api/builds", headers={"x-api-KEY": key})).status_code == 200


async def test_old_clients_without_a_host_are_served(farm: Farm) -> None:
    """HTTP/1.0, at both doors."""
    for path in ("/health", "/api/workers/poll"):
        stream = await trio.open_tcp_stream("127.0.0.1", farm.port)
        await stream.send_all(f"GET {path} HTTP/1.0\r\nX-API-Key: {farm.api_key}\r\n\r\n".encode())
        answer = b""
        while data := await stream.receive_some():
            answer += data
        await stream.aclose()
        assert answer.startswith((b"HTTP/1.1 200 OK", b"HTTP/1.1 400 Bad Request")), answer
        assert b'{"' in answer
