"""Section 6: the clients, playing what each of them sends, header by header."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.contract.client import APP, SOURCE, Answer, Controller, json_of, nobody, say

OURS = pytest.mark.ours
STATES = {"pending", "assigned", "building", "completed", "failed"}


# -- the CLI --------------------------------------------------------------------------------------


def _cli(it: Controller, token: str = "") -> list[str]:
    """Return the headers of Node's fetch, in its order."""
    own = [f"X-API-Key: {it.key}"] + ([f"X-Build-Token: {token}"] if token else [])
    return [
        *own,
        "accept: */*",
        "accept-language: *",
        "sec-fetch-mode: cors",
        "user-agent: node",
        "accept-encoding: gzip, deflate",
    ]


def _undici(parts: list[tuple[str, str | None, str | None, bytes]]) -> tuple[str, bytes]:
    """Write a form as Node's fetch does: file parts with a type, texts without."""
    mark = "----formdata-undici-0123456789ab"
    body = b""
    for name, filename, kind, data in parts:
        body += f'--{mark}\r\nContent-Disposition: form-data; name="{name}"'.encode()
        body += f'; filename="{filename}"\r\nContent-Type: {kind}'.encode() if filename else b""
        body += b"\r\n\r\n" + data + b"\r\n"
    return mark, body + f"--{mark}--\r\n".encode()


def _cli_submit(it: Controller, *, chunked: bool = False) -> Any:
    mark, body = _undici(
        [
            ("source", "project.tar.gz", "application/gzip", SOURCE),
            ("platform", None, None, b"ios"),
            ("certs", "certs.zip", "application/zip", b"PK certs"),
            ("profile", "app.mobileprovision", "application/octet-stream", b"profile"),
            ("appleId", None, None, b"dev@apple.example"),
            ("applePassword", None, None, b"abcd-efgh"),
        ]
    )
    headers = [*_cli(it), f"content-type: multipart/form-data; boundary={mark}"]
    if chunked:
        headers.append("transfer-encoding: chunked")
        pieces = [body[place : place + 100] for place in range(0, len(body), 100)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n"
    else:
        headers.append(f"content-length: {len(body)}")
    made = json_of(say(it, "POST /api/builds/submit", headers, body))
    it.made.append(made["id"])
    return made


@pytest.mark.parametrize("chunked", [False, True])
def test_cli_submits(it: Controller, *, chunked: bool) -> None:
    """It reads `id` and `access_token`, and takes only ids of its alphabet."""
    made = _cli_submit(it, chunked=chunked)
    assert re.fullmatch(r"[a-zA-Z0-9_-]+", made["id"])
    assert isinstance(made["access_token"], str)


def test_cli_reads_status(it: Controller) -> None:
    """One of five words; times a number or null; the message a text or null."""
    made = _cli_submit(it)
    found = json_of(say(it, f"GET /api/builds/{made['id']}/status", _cli(it, made["access_token"])))
    assert found["status"] in STATES
    for name in ("submitted_at", "started_at", "completed_at"):
        assert found[name] is None or isinstance(found[name], int)
    assert found["error_message"] is None


def test_cli_lists(it: Controller) -> None:
    """An array of rows whose end is a text or absent."""
    _cli_submit(it)
    rows = json_of(say(it, "GET /api/builds", _cli(it)))
    assert rows
    for row in rows:
        assert row["status"] in STATES
        assert isinstance(row["createdAt"], str)
        assert isinstance(row.get("completedAt", ""), str)


@OURS
def test_cli_cancels_with_a_json_type_and_no_body(it: Controller) -> None:
    """Any 2xx is fine."""
    made = _cli_submit(it)
    headers = [*_cli(it), "content-type: application/json", "content-length: 0"]
    assert say(it, f"POST /api/builds/{made['id']}/cancel", headers)[0] == 200


def test_cli_retries_without_body(it: Controller) -> None:
    """It reads `id` and `access_token` of the new build."""
    made = _cli_submit(it)
    headers = [*_cli(it, made["access_token"]), "content-length: 0"]
    again = json_of(say(it, f"POST /api/builds/{made['id']}/retry", headers))
    it.made.append(again["id"])
    assert again["id"] != made["id"]
    assert again["access_token"] != made["access_token"]


@OURS
def test_cli_follows_logs_with_the_token_alone(it: Controller) -> None:
    """When no key is configured; it goes on by position."""
    made = _cli_submit(it)
    headers = [f"X-Build-Token: {made['access_token']}", *_cli(it)[1:]]
    first = json_of(say(it, f"GET /api/builds/{made['id']}/logs", headers))["logs"]
    it.poll(it.register())
    second = json_of(say(it, f"GET /api/builds/{made['id']}/logs", headers))["logs"]
    assert second[: len(first)] == first
    assert len(second) == len(first) + 1


def test_cli_downloads(it: Controller) -> None:
    """Status first, then the bytes, of a length that is told."""
    build_id, _ = it.completed()
    found = json_of(say(it, f"GET /api/builds/{build_id}/status", _cli(it)))
    assert found["status"] == "completed"
    status, _, headers, body = say(it, f"GET /api/builds/{build_id}/download", _cli(it))
    assert (status, body) == (200, APP)
    assert headers["content-length"] == str(len(APP))


def test_cli_says_what_the_reason_phrase_says(it: Controller) -> None:
    """Failed to get build status: Not Found."""
    answer = say(it, f"GET /api/builds/{nobody()}/status", _cli(it))
    assert answer[:2] == (404, "Not Found")


def test_cli_doctor_reads_diagnostics(it: Controller) -> None:
    """What the worker has reported, with its fields."""
    worker_id = it.register()
    _report(it, worker_id)
    latest = json_of(say(it, f"GET /api/diagnostics/{worker_id}/latest", _cli(it)))
    listed = json_of(say(it, f"GET /api/diagnostics/{worker_id}?limit=5", _cli(it)))
    for one in (latest, *listed["reports"]):
        assert isinstance(one["run_at"], int)
        assert isinstance(one["duration_ms"], int | float)
        assert isinstance(one["auto_fixed"], bool)
        assert set(one["checks"][0]) >= {"name", "status", "message", "duration_ms", "auto_fixed"}


# -- the mock worker ------------------------------------------------------------------------------


def test_mock_worker_does_a_build(it: Controller) -> None:
    """Register, poll, fetch both files by the given paths, upload."""
    made = _cli_submit(it)
    worker_id = it.register("Mock Worker", {"platforms": ["ios", "android"]})
    job = it.poll(worker_id)
    assert job["id"] == made["id"]
    ids = [f"X-API-Key: {it.key}", f"X-Worker-Id: {worker_id}", "user-agent: node"]
    assert say(it, f"GET {job['source_url']}", ids)[3] == SOURCE
    assert say(it, f"GET {job['certs_url']}", ids)[3] == b"PK certs"
    mark, body = _undici(
        [
            ("build_id", None, None, job["id"].encode()),
            ("worker_id", None, None, worker_id.encode()),
            ("success", None, None, b"true"),
            ("result", "result.ipa", "application/octet-stream", APP),
        ]
    )
    headers = [
        *_cli(it),
        f"content-type: multipart/form-data; boundary={mark}",
        f"content-length: {len(body)}",
    ]
    assert json_of(say(it, "POST /api/workers/upload", headers, body))["status"] == "success"
    assert it.status(job["id"])["status"] == "completed"


# -- the Swift worker -----------------------------------------------------------------------------


def _swift(it: Controller, *more: str) -> list[str]:
    """Return the headers of URLSession, in its order."""
    return [
        "Accept: */*",
        f"X-API-Key: {it.key}",
        *more,
        "Accept-Language: en-US,en;q=0.9",
        "Accept-Encoding: gzip, deflate",
        "User-Agent: FreeAgent/1 CFNetwork/1568.100.1 Darwin/24.0.0",
    ]


def _swift_json(it: Controller, path: str, value: object) -> Answer:
    body = json.dumps(value).encode()
    kind = ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return say(it, f"POST {path}", _swift(it, *kind), body)


def _swift_register(it: Controller, **more: str) -> str:
    able = {
        "platforms": ["ios"],
        "maxConcurrentBuilds": 1,
        "maxMemoryGB": 8,
        "maxCPUPercent": 70,
        "xcode_version": "16.0",
    }
    body = {"name": "Mac", "capabilities": able, **more}
    return json_of(_swift_json(it, "/api/workers/register", body))["id"]


def _swift_poll(it: Controller, worker_id: str) -> Any:
    return json_of(say(it, f"GET /api/workers/poll?worker_id={worker_id}", _swift(it)))["job"]


def _swift_form(fields: dict[str, str], result: bytes | None) -> tuple[str, bytes]:
    """Write a form by hand, as the worker does."""
    mark = "Boundary-5F2C6C1E-1B6C-4E0B-9D0D-0C6D3A7E4B11"
    body = b""
    for name, value in fields.items():
        body += f"--{mark}\r\n".encode()
        body += f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    if result is not None:
        body += f"--{mark}\r\n".encode()
        body += b'Content-Disposition: form-data; name="result"; filename="artifact.ipa"\r\n'
        body += b"Content-Type: application/octet-stream\r\n\r\n" + result + b"\r\n"
    return mark, body + f"--{mark}--\r\n".encode()


def _swift_upload(it: Controller, fields: dict[str, str], result: bytes | None) -> Answer:
    mark, body = _swift_form(fields, result)
    kind = [
        f"Content-Type: multipart/form-data; boundary={mark}",
        f"Content-Length: {len(body)}",
    ]
    return say(it, "POST /api/workers/upload", _swift(it, *kind), body)


def test_swift_worker_registers(it: Controller) -> None:
    """Only 200 will do, and a string id of its alphabet."""
    assert re.fullmatch(r"[a-zA-Z0-9_-]+", _swift_register(it))


@OURS
def test_swift_worker_registers_again_under_its_id(it: Controller) -> None:
    """It brings the id that it has kept, and stays who it was."""
    worker_id = _swift_register(it)
    assert _swift_register(it, id=worker_id) == worker_id


def test_swift_worker_builds(it: Controller) -> None:
    """Poll, source, result; three texts in the job are required."""
    worker_id = _swift_register(it)
    assert _swift_poll(it, worker_id) is None
    made = _cli_submit(it)
    job = _swift_poll(it, worker_id)
    assert all(isinstance(job[name], str) for name in ("id", "platform", "source_url"))
    assert isinstance(job["baseImageId"], str)
    source = say(it, f"GET {job['source_url']}", _swift(it, f"X-Worker-Id: {worker_id}"))
    assert source[3] == SOURCE
    fields = {"build_id": job["id"], "worker_id": worker_id, "success": "true"}
    assert _swift_upload(it, fields, APP)[0] == 200
    assert it.status(made["id"])["status"] == "completed"


def test_swift_worker_reports_a_failure_without_file(it: Controller) -> None:
    """With the message."""
    made = _cli_submit(it)
    worker_id = _swift_register(it)
    _swift_poll(it, worker_id)
    fields = {"build_id": made["id"], "worker_id": worker_id, "success": "false"}
    assert _swift_upload(it, {**fields, "error_message": "xcodebuild: 65"}, None)[0] == 200
    assert it.status(made["id"])["error_message"] == "xcodebuild: 65"


@OURS
def test_swift_worker_signs_off(it: Controller) -> None:
    """No body; what it was building is for another."""
    made = _cli_submit(it)
    worker_id = _swift_register(it)
    _swift_poll(it, worker_id)
    answer = say(it, f"POST /api/workers/{worker_id}/unregister", _swift(it, "Content-Length: 0"))
    assert answer[0] == 200
    assert it.status(made["id"])["status"] == "pending"
    assert _swift_poll(it, _swift_register(it))["id"] == made["id"]


@OURS
def test_swift_resource_monitor_sends_snapshots_without_key(it: Controller) -> None:
    """Every five seconds; it stops after five answers other than 200."""
    made = _cli_submit(it)
    worker_id = _swift_register(it)
    _swift_poll(it, worker_id)
    data = {"cpu_percent": 93.5, "memory_mb": 4096.0}
    body = json.dumps({"type": "cpu_snapshot", "timestamp": 1, "data": data}).encode()
    headers = [
        "Accept: */*",
        "Content-Type: application/json",
        f"X-Worker-Id: {worker_id}",
        f"X-Build-Id: {made['id']}",
        f"Content-Length: {len(body)}",
    ]
    for _ in range(5):
        assert say(it, f"POST /api/builds/{made['id']}/telemetry", headers, body)[0] == 200
    assert it.status(made["id"])["status"] in {"assigned", "building"}


def test_swift_menu_lists_active_builds(it: Controller) -> None:
    """The start is an integer."""
    made = _cli_submit(it)
    _swift_poll(it, _swift_register(it))
    rows = json_of(say(it, "GET /api/builds/active", _swift(it)))["builds"]
    row = next(row for row in rows if row["id"] == made["id"])
    assert type(row["started_at"]) is int


def test_swift_worker_checks_the_connection(it: Controller) -> None:
    """With its key, which is not looked at."""
    assert say(it, "GET /health", _swift(it))[0] == 200


@OURS
def test_preferences_and_installer_check_health_under_api(it: Controller) -> None:
    """Without key."""
    assert say(it, "GET /api/health", ["Accept: */*"])[0] == 200


def test_swift_statistics(it: Controller) -> None:
    """Three integers and two texts."""
    stats = json_of(say(it, f"GET /api/workers/{_swift_register(it)}/stats", _swift(it)))
    assert all(type(stats[n]) is int for n in ("totalBuilds", "successfulBuilds", "failedBuilds"))
    assert all(isinstance(stats[n], str) for n in ("workerName", "status"))


def _report(it: Controller, worker_id: str) -> None:
    check = {"name": "disk", "status": "pass", "message": "ok", "duration_ms": 3}
    body = {
        "worker_id": worker_id,
        "status": "healthy",
        "run_at": 1769601600000,
        "duration_ms": 1234,
        "auto_fixed": False,
        "checks": [{**check, "auto_fixed": False}],
    }
    assert _swift_json(it, "/api/diagnostics/report", body)[0] == 200


def test_swift_diagnostics(it: Controller) -> None:
    """Any 2xx is fine."""
    _report(it, _swift_register(it))


# -- installer, landing page ----------------------------------------------------------------------


def test_installer_registers_with_extra_fields(it: Controller) -> None:
    """It reads `id`."""
    body = {
        "name": "mac",
        "capabilities": {"cpu": 8},
        "publicIdentifier": "p",
        "apiKey": it.key,
        "version": "1",
    }
    assert isinstance(json_of(_swift_json(it, "/api/workers/register", body))["id"], str)


def test_landing_page_reads_stats_from_another_origin(it: Controller) -> None:
    """Without credentials; the browser must let it."""
    headers = ["Accept: */*", "Origin: https://expo.example", "Sec-Fetch-Mode: cors"]
    answer = say(it, "GET /api/stats", headers)
    assert answer[2]["access-control-allow-origin"] == "https://expo.example"
    assert sum(isinstance(value, int | float) for value in json_of(answer).values()) >= 7
