"""Section 1: the API key, and what else opens a route."""

from __future__ import annotations

import pytest

from tests.contract.client import Controller, good, nobody, refused

OURS = pytest.mark.ours


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
