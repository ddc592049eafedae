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
