"""Section 1: general rules."""

from __future__ import annotations

import re

import pytest

from tests.contract.client import Controller, file, good, nobody, refused

ID = re.compile(r"[A-Za-z0-9_-]{21}")
OURS = pytest.mark.ours
NO_ROUTE = (404, "Not found")


# -- formats --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/health", "/api/stats", "/api/builds", "/api/nothing"])
def test_json_says_its_type_and_charset(it: Controller, path: str) -> None:
    """Successes and errors alike."""
    assert it.get(path).headers["content-type"] == "application/json; charset=utf-8"


def test_times_are_integer_milliseconds(it: Controller) -> None:
    """Of a submission and of a status."""
    made = it.submit()
    assert isinstance(made["submitted_at"], int)
    assert made["submitted_at"] > 1_600_000_000_000
    assert it.status(made["id"])["submitted_at"] == made["submitted_at"]


def test_times_of_the_list_are_iso_with_milliseconds(it: Controller) -> None:
    """2026-01-28T12:00:00.000Z."""
    build_id, _ = it.completed()
    row = next(row for row in good(it.get("/api/builds")) if row["id"] == build_id)
    for name in ("createdAt", "completedAt"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row[name])


def test_ids_are_21_characters_of_the_alphabet(it: Controller) -> None:
    """Builds and workers."""
    assert ID.fullmatch(it.submit()["id"])
    assert ID.fullmatch(it.register())


def test_build_token_is_43_characters_of_base64url(it: Controller) -> None:
    """32 random bytes without padding; another for each build."""
    tokens = {it.submit()["access_token"] for _ in range(2)}
    assert len(tokens) == 2
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in tokens)


def test_success_is_200(it: Controller) -> None:
    """A submission, too."""
    assert it.send("/api/builds/submit", file("source", b"s")).status_code == 400
    it.submit()  # asserts 200


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/nothing", {}), ("/api/builds", {"x_api_key": ""}), (f"/api/builds/{nobody()}/status", {})],
    ids=["no route", "no key", "no build"],
)
def test_own_errors_are_exactly_one_field(
    it: Controller, path: str, headers: dict[str, str]
) -> None:
    """`{"error": TEXT}` and nothing else."""
    assert list(it.get(path, **headers).json()) == ["error"]


def test_malformed_json_is_400_with_an_error_text(it: Controller) -> None:
    """A JSON body with a string `error` comes back."""
    kind = {"Content-Type": "application/json"}
    answer = it.ask("POST", "/api/workers/register", kind, content=b"{no json")
    assert answer.status_code == 400
    assert isinstance(answer.json()["error"], str)


def test_another_content_type_is_415_with_an_error_text(it: Controller) -> None:
    """For a route that reads JSON."""
    kind = {"Content-Type": "application/xml"}
    answer = it.ask("POST", "/api/workers/register", kind, content=b"<a/>")
    assert answer.status_code == 415
    assert isinstance(answer.json()["error"], str)


@pytest.mark.parametrize(
    ("path", "key", "line"),
    [
        ("/nothing", "", (404, "Not Found")),
        ("/api/builds", "", (401, "Unauthorized")),
        ("/api/builds", "wrong key of the tests", (403, "Forbidden")),
    ],
)
def test_reason_phrase_is_sent(it: Controller, path: str, key: str, line: tuple[int, str]) -> None:
    """The CLI prints it."""
    head = f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    head += f"X-API-Key: {key}\r\n" if key else ""
    assert it.raw(f"{head}\r\n".encode())[:2] == line


# -- paths and methods ----------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "wrong key of the tests"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("GET", "/api/nothing"),
        ("POST", "/api/nothing/at/all"),
        ("DELETE", "/api/builds/submit"),
        ("PUT", "/api/workers/register"),
        ("POST", "/health"),
    ],
)
def test_unknown_path_or_method_is_404_before_any_key(
    it: Controller, method: str, path: str, key: str
) -> None:
    """Never 405, never 401."""
    assert refused(it.ask(method, path, {"X-API-Key": key})) == NO_ROUTE


@pytest.mark.parametrize("path", ["/api/builds/", "/api/stats/"])
def test_a_trailing_slash_does_not_matter(it: Controller, path: str) -> None:
    """Both forms are the same route."""
    assert good(it.get(path)) == good(it.get(path[:-1]))


@pytest.mark.parametrize(
    "path", ["/health", "/api/stats", "/", "/api/builds", "/api/builds/active"]
)
def test_every_get_answers_head(it: Controller, path: str) -> None:
    """The same status, and no body."""
    answer = it.ask("HEAD", path)
    assert (answer.status_code, answer.content) == (200, b"")


# -- CORS -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/health", "/api/stats", "/api/builds", "/nothing"])
def test_cors_headers_are_on_every_answer(it: Controller, path: str) -> None:
    """Credentials and Vary always; the origin only if there is one."""
    answer = it.get(path, x_api_key="")
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/api/stats", "/api/builds", "/nothing"])
def test_origin_is_echoed(it: Controller, path: str) -> None:
    """Whatever it is, errors included."""
    answer = it.get(path, x_api_key="", origin="https://a.example")
    assert answer.headers["access-control-allow-origin"] == "https://a.example"


@pytest.mark.parametrize("path", ["/api/builds/submit", "/api/stats", "/nothing"])
def test_preflight_is_204_on_any_path(it: Controller, path: str) -> None:
    """Without key; methods are listed and the wanted headers echoed."""
    wanted = {
        "X-API-Key": "",
        "Origin": "https://a.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-api-key,content-type",
    }
    answer = it.ask("OPTIONS", path, wanted)
    assert (answer.status_code, answer.content) == (204, b"")
    methods = answer.headers["access-control-allow-methods"].replace(" ", "")
    assert methods == "GET,HEAD,PUT,PATCH,POST,DELETE"
    assert answer.headers["access-control-allow-headers"] == "x-api-key,content-type"


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://a.example"}])
def test_other_options_are_400(it: Controller, headers: dict[str, str]) -> None:
    """In plain text."""
    answer = it.ask("OPTIONS", "/api/builds", headers)
    assert (answer.status_code, answer.text) == (400, "Invalid Preflight Request")


# -- the API key ----------------------------------------------------------------------------------

KEYED = [
    ("POST", "/api/builds/submit"),
    ("GET", "/api/builds"),
    ("GET", "/api/builds/active"),
    ("POST", "/api/builds/x/cancel"),
    ("GET", "/api/builds/x/source"),
    ("GET", "/api/builds/x/certs"),
    ("GET", "/api/builds/x/certs-secure"),
    ("POST", "/api/builds/x/logs"),
    ("POST", "/api/builds/x/heartbeat"),
    ("POST", "/api/workers/register"),
    ("GET", "/api/workers/poll?worker_id=x"),
    ("POST", "/api/workers/upload"),
    ("GET", "/api/workers/x/stats"),
    ("POST", "/api/diagnostics/report"),
    ("GET", "/api/diagnostics/x"),
    ("GET", "/api/diagnostics/x/latest"),
]


@pytest.mark.parametrize(("method", "path"), KEYED)
def test_no_key_is_401(it: Controller, method: str, path: str) -> None:
    """Whatever else is sent."""
    answer = it.ask(method, path, {"X-API-Key": ""})
    assert refused(answer) == (401, "Missing X-API-Key header")


@pytest.mark.parametrize(("method", "path"), KEYED)
def test_wrong_key_is_403(it: Controller, method: str, path: str) -> None:
    """One letter is enough."""
    answer = it.ask(method, path, {"X-API-Key": it.key + "x"})
    assert refused(answer) == (403, "Invalid API key")


def test_empty_key_is_no_key(it: Controller) -> None:
    """A header without value is a missing one."""
    head = b"GET /api/builds HTTP/1.1\r\nHost: a\r\nX-API-Key:\r\nConnection: close\r\n\r\n"
    assert it.raw(head)[0] == 401


def test_key_comes_before_the_body(it: Controller) -> None:
    """A body that cannot be parsed does not matter without a key."""
    headers = {"X-API-Key": "", "Content-Type": "application/json"}
    answer = it.ask("POST", "/api/workers/register", headers, content=b"{no json")
    assert refused(answer) == (401, "Missing X-API-Key header")


@pytest.mark.parametrize("token", ["x_build_token", "x_worker_id"])
@pytest.mark.parametrize("path", ["/api/builds", "/api/builds/active"])
def test_other_headers_do_not_open_key_routes(it: Controller, path: str, token: str) -> None:
    """A build token or a worker id is no key."""
    build = it.submit()
    answer = it.get(path, x_api_key="", **{token: build["access_token"]})
    assert refused(answer) == (401, "Missing X-API-Key header")


# -- empty bodies ---------------------------------------------------------------------------------


@OURS
@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_json_type_with_empty_body_is_an_empty_object(it: Controller, action: str) -> None:
    """The CLI cancels like this."""
    build_id = it.submit()["id"]
    answer = it.post(f"/api/builds/{build_id}/{action}", content_type="application/json")
    it.made.append(good(answer).get("id", build_id))


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_no_body_and_no_type_works(it: Controller, action: str) -> None:
    """On cancel and retry."""
    build_id = it.submit()["id"]
    it.made.append(good(it.post(f"/api/builds/{build_id}/{action}")).get("id", build_id))


@OURS
def test_no_body_and_no_type_works_on_unregister(it: Controller) -> None:
    """The Swift worker signs off like this."""
    good(it.post(f"/api/workers/{it.register()}/unregister"))


@OURS
@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/api/workers/register", "Name and capabilities required"),
        (
            "/api/diagnostics/report",
            "Missing required fields: worker_id, status, duration_ms, checks",
        ),
    ],
)
def test_no_body_is_an_empty_object_elsewhere(it: Controller, path: str, text: str) -> None:
    """Refused for what is missing, not a crash."""
    assert refused(it.post(path)) == (400, text)


# -- guards ---------------------------------------------------------------------------------------

READS = ["status", "logs"]


@pytest.mark.parametrize("route", READS)
def test_key_opens_a_build_whatever_else_is_sent(it: Controller, route: str) -> None:
    """A wrong token beside it does not matter."""
    build_id = it.submit()["id"]
    good(it.get(f"/api/builds/{build_id}/{route}", x_build_token="wrong"))  # noqa: S106


@OURS
@pytest.mark.parametrize("route", READS)
def test_token_alone_opens_its_build(it: Controller, route: str) -> None:
    """The newer CLI reads logs like this."""
    build = it.submit()
    path = f"/api/builds/{build['id']}/{route}"
    good(it.get(path, x_api_key="", x_build_token=build["access_token"]))


@OURS
def test_token_alone_retries_and_downloads_its_build(it: Controller) -> None:
    """The same two credentials open both."""
    build = it.submit()
    worker_id = it.register()
    it.poll(worker_id)
    good(it.upload(build["id"], worker_id))
    token = {"x_api_key": "", "x_build_token": build["access_token"]}
    assert it.get(f"/api/builds/{build['id']}/download", **token).status_code == 200
    it.made.append(good(it.post(f"/api/builds/{build['id']}/retry", **token))["id"])


@OURS
@pytest.mark.parametrize("route", READS)
def test_token_of_another_build_is_403(it: Controller, route: str) -> None:
    """So is one for a build that does not exist."""
    one, other = it.submit(), it.submit()
    token = {"x_api_key": "", "x_build_token": one["access_token"]}
    for build_id in (other["id"], nobody()):
        answer = it.get(f"/api/builds/{build_id}/{route}", **token)
        assert refused(answer) == (403, "Invalid or expired build token")


@pytest.mark.parametrize("route", [*READS, "download"])
def test_neither_key_nor_token_is_401(it: Controller, route: str) -> None:
    """Either of the two texts."""
    status, text = refused(it.get(f"/api/builds/{it.submit()['id']}/{route}", x_api_key=""))
    assert status == 401
    assert text in {
        "Missing X-API-Key header",
        "Missing X-API-Key or X-Build-Token header",
    }


@pytest.mark.parametrize("route", READS)
def test_wrong_key_without_token_is_403(it: Controller, route: str) -> None:
    """On the routes that a token would open, too."""
    answer = it.get(f"/api/builds/{it.submit()['id']}/{route}", x_api_key="wrong")
    assert refused(answer) == (403, "Invalid API key")


FETCHES = ["source", "certs"]


@pytest.mark.parametrize("route", FETCHES)
def test_worker_routes_want_the_worker(it: Controller, route: str) -> None:
    """No id is 401."""
    answer = it.get(f"/api/builds/{it.submit()['id']}/{route}")
    assert refused(answer) == (401, "Missing X-Worker-Id header")


@pytest.mark.parametrize("route", FETCHES)
def test_worker_routes_know_no_unknown_build(it: Controller, route: str) -> None:
    """404."""
    answer = it.get(f"/api/builds/{nobody()}/{route}", x_worker_id="w")
    assert refused(answer) == (404, "Build not found")


@pytest.mark.parametrize("route", FETCHES)
def test_worker_routes_refuse_another_worker(it: Controller, route: str) -> None:
    """403 once the build has a worker."""
    build_id, _ = it.assigned(certs=b"certs")
    answer = it.get(f"/api/builds/{build_id}/{route}", x_worker_id=it.register())
    assert refused(answer) == (403, "Worker not authorized for this build")


@pytest.mark.parametrize("route", FETCHES)
def test_a_waiting_build_is_open_to_any_worker(it: Controller, route: str) -> None:
    """Even to one that was never registered; `X-Build-Id` is ignored."""
    build_id = it.submit(certs=b"certs")["id"]
    path = f"/api/builds/{build_id}/{route}"
    assert it.get(path, x_worker_id="stranger", x_build_id="other").status_code == 200


@pytest.mark.parametrize("route", FETCHES)
def test_worker_routes_pass_in_every_state(it: Controller, route: str) -> None:
    """A completed build, too."""
    build_id, worker_id = it.assigned(certs=b"certs")
    good(it.upload(build_id, worker_id))
    assert it.get(f"/api/builds/{build_id}/{route}", x_worker_id=worker_id).status_code == 200


STRICT = [("GET", "certs-secure"), ("POST", "telemetry")]


@pytest.mark.parametrize(("method", "route"), STRICT)
def test_strict_routes_check_in_order(it: Controller, method: str, route: str) -> None:
    """Worker id, build id, the same build id, the build, its worker."""
    build_id, worker_id = it.assigned()
    waiting, other = it.submit()["id"], it.register()
    for named, headers, wanted in (
        (build_id, {}, (401, "Missing X-Worker-Id header")),
        (build_id, {"X-Worker-Id": worker_id}, (401, "Missing X-Build-Id header")),
        (
            build_id,
            {"X-Worker-Id": worker_id, "X-Build-Id": waiting},
            (403, "X-Build-Id header does not match build ID in URL"),
        ),
        ("unknown", {"X-Worker-Id": "w", "X-Build-Id": "unknown"}, (404, "Build not found")),
        (
            build_id,
            {"X-Worker-Id": other, "X-Build-Id": build_id},
            (403, "Worker not assigned to this build"),
        ),
        (
            waiting,
            {"X-Worker-Id": worker_id, "X-Build-Id": waiting},
            (403, "Worker not assigned to this build"),
        ),
    ):
        answer = it.ask(method, f"/api/builds/{named}/{route}", headers)
        assert refused(answer) == wanted
