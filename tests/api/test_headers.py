"""What every answer carries: CORS, types, phrases; and the other ways to ask for the same."""

from __future__ import annotations

import httpx

from api.dashboard.views import pages
from api.routes.table import ROUTES
from tests.support.farm import Farm, good, refused
from tests.support.form import Part

ORIGIN = "https://expo.example"
NOWHERE = "x" * 21
KNOWN = ("/health", "/api/stats", "/api/builds", "/api/builds/active", "/api/workers/poll", "/")


def has_cors(response: httpx.Response, origin: str | None = ORIGIN) -> bool:
    """Whether an answer may be read by a page of `origin`."""
    return (
        response.headers.get("access-control-allow-credentials") == "true"
        and response.headers["vary"] == "Origin"
        and response.headers.get("access-control-allow-origin") == origin
    )


async def test_every_answer_carries_cors(farm: Farm) -> None:
    """Successes of both doors, and every kind of refusal."""
    json = {"Content-Type": "application/json"}
    for method, path, headers, body, status in (
        ("GET", "/health", {}, b"", 200),
        ("GET", "/", {}, b"", 200),
        ("GET", "/nothing", {}, b"", 404),
        ("GET", "/api/builds", {"X-API-Key": ""}, b"", 401),
        ("GET", "/api/builds", {"X-API-Key": "wrong"}, b"", 403),
        ("GET", "/api/workers/poll", {}, b"", 400),
        ("POST", "/api/workers/register", json, b"{", 400),
        ("POST", "/api/workers/register", json, b" " * 1048577, 413),
        ("POST", f"/api/builds/{NOWHERE}/logs", json, b" " * 1048577, 413),
        ("POST", "/api/workers/register", {"Content-Type": "a/b"}, b"x", 415),
        ("POST", "/api/builds/submit", json, b"{}", 400),
    ):
        response = await farm.ask(method, path, {"Origin": ORIGIN, **headers}, content=body)
        assert response.status_code == status, path
        assert has_cors(response), path
        response = await farm.ask(method, path, headers, content=body)
        assert has_cors(response, None), path


async def test_a_preflight_is_answered_on_any_path_without_key(farm: Farm) -> None:
    """204 with the methods, and the headers that were asked for."""
    for path in ("/api/stats", "/api/builds/submit", "/nothing", "/"):
        sent = {
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "x-api-key,content-type",
        }
        response = await farm.http.options(path, headers=sent)
        assert response.status_code == 204
        assert response.content == b""
        assert has_cors(response)
        allowed = response.headers["access-control-allow-methods"]
        assert allowed == "GET,HEAD,PUT,PATCH,POST,DELETE"
        assert response.headers["access-control-allow-headers"] == "x-api-key,content-type"


async def test_any_other_options_is_no_preflight(farm: Farm) -> None:
    """400 in plain text, whichever of the two headers is missing."""
    for headers in ({}, {"Origin": ORIGIN}, {"Access-Control-Request-Method": "GET"}):
        response = await farm.http.options("/api/builds", headers=headers)
        assert (response.status_code, response.text) == (400, "Invalid Preflight Request")
        assert response.headers["content-type"].startswith("text/plain")


async def test_every_get_answers_head(farm: Farm) -> None:
    """The same status and headers, no body."""
    build_id, worker_id, _ = await farm.assigned(certs=b"certs")
    assert (await farm.upload(build_id, worker_id)).status_code == 200
    finding = {"worker_id": worker_id, "status": "healthy", "duration_ms": 1, "checks": []}
    assert (await farm.post("/api/diagnostics/report", finding)).status_code == 200
    for route in (*ROUTES, *pages()):
        if route.method != "GET" or route.path == "/metrics":
            continue
        path = route.path.replace("{id}", build_id).replace("{type}", "result")
        headers = {"X-Worker-Id": worker_id}
        params = {"worker_id": worker_id}
        get = await farm.ask("GET", path, headers, params=params)
        head = await farm.ask("HEAD", path, headers, params=params)
        assert get.status_code == head.status_code, path
        assert get.status_code == 200 or path not in KNOWN, path
        assert head.content == b""
        for name in ("content-type", "content-disposition", "etag", "vary"):
            assert get.headers.get(name) == head.headers.get(name), (path, name)
        changing = path.startswith("/debug/") or path in {
            "/",
            "/api/stats",
            "/public/stats",
            "/live",
        }
        if not changing:
            assert get.headers["content-length"] == head.headers["content-length"], path
    assert (await farm.ask("HEAD", "/nothing")).status_code == 404
    assert (await farm.ask("HEAD", "/api/builds/submit")).status_code == 404


async def test_a_trailing_slash_changes_nothing(farm: Farm) -> None:
    """Fixed paths, paths with an id, POSTs; a second slash is another path."""
    build = await farm.submit()
    status = f"/api/builds/{build['id']}/status"
    for path in ("/health", "/api/stats", "/api/builds", "/api/builds/active", status):
        assert good(await farm.get(path)) == good(await farm.get(path + "/"))
        assert refused(await farm.get(path + "//")) == (404, "Not found")
    assert good(await farm.post(f"/api/builds/{build['id']}/cancel/"))["status"] == "cancelled"


async def test_v2_is_the_same_api(farm: Farm) -> None:
    """Under /api/v2, with the same guards; nothing else moves there."""
    build = await farm.submit()
    status = f"/builds/{build['id']}/status"
    for path in ("/health", "/stats", "/builds", "/builds/active", status):
        assert good(await farm.get("/api" + path)) == good(await farm.get("/api/v2" + path))
    answer = await farm.send_form("/api/v2/builds/submit", Part("platform", "ios"))
    assert refused(answer) == (400, "Source file required")
    unkeyed = await farm.get("/api/v2/builds", x_api_key="")
    assert refused(unkeyed) == (401, "Missing X-API-Key header")
    for path in ("/api/v2", "/api/v2/", "/api/v2/v2/builds", "/api/v3/builds", "/v2/health"):
        assert refused(await farm.get(path)) == (404, "Not found"), path


async def test_answers_are_json_with_a_reason(farm: Farm) -> None:
    """`application/json; charset=utf-8`, and the phrases that the CLI prints."""
    for path, status, phrase in (
        ("/api/builds", 200, "OK"),
        ("/api/workers/poll", 400, "Bad Request"),
        (f"/api/builds/{NOWHERE}/status", 404, "Not Found"),
    ):
        response = await farm.get(path)
        assert (response.status_code, response.reason_phrase) == (status, phrase)
        assert response.headers["content-type"] == "application/json; charset=utf-8"
        assert response.headers.get_list("content-length") == [str(len(response.content))]
    response = await farm.get("/api/builds", x_api_key="")
    assert response.reason_phrase == "Unauthorized"


async def test_every_answer_names_its_request(farm: Farm) -> None:
    """The id of the client when it is a harmless one, else one of ours."""
    response = await farm.get("/health", x_request_id="abc-1")
    assert response.headers["x-request-id"] == "abc-1"
    for strange in ("a b", "x" * 65, "é"):
        headers = {"X-Request-Id": strange.encode("latin-1")}
        response = await farm.http.get("/health", headers=headers)
        assert len(response.headers["x-request-id"]) == 21


async def test_strange_hosts_are_served(farm: Farm) -> None:
    """The Host header decides nothing, at either door."""
    for host in ("x", "x:y", "a b", "[", "<script>"):
        for path in ("/health", "/api/builds", "/api/workers/poll"):
            response = await farm.get(path, host=host)
            assert response.status_code in {200, 400}, (host, path)
            assert response.headers["content-type"].startswith("application/json")
        assert good(await farm.get("/health", host=host))["status"] == "ok", host
