"""Section 6: the scripts in the virtual machine, playing what curl sends for them."""

from __future__ import annotations

import base64
import io
import json
import zipfile

import pytest

from tests.contract.client import Answer, Controller, json_of, say

OURS = pytest.mark.ours

# -- the scripts in the virtual machine -----------------------------------------------------------


def _curl(it: Controller, build_id: str, worker_id: str, *more: str) -> list[str]:
    return [
        "User-Agent: curl/8.7.1",
        "Accept: */*",
        f"X-API-Key: {it.key}",
        f"X-Worker-Id: {worker_id}",
        f"X-Build-Id: {build_id}",
        *more,
    ]


def _curl_json(it: Controller, ids: tuple[str, str], route: str, value: object) -> Answer:
    body = json.dumps(value).encode()
    kind = ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return say(it, f"POST /api/builds/{ids[0]}/{route}", _curl(it, *ids, *kind), body)


def test_bootstrap_gets_its_certificates(it: Controller) -> None:
    """Four keys, none of them null; everything decodes as base64."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("ios/key.p12", b"key")
        archive.writestr("password.txt", b"pw")
        archive.writestr("ios/a.mobileprovision", b"profile")
    build_id, worker_id = it.assigned(certs=made.getvalue())
    path = f"/api/builds/{build_id}/certs-secure"
    found = json_of(say(it, f"GET {path}", _curl(it, build_id, worker_id)))
    names = ("p12", "p12Password", "keychainPassword", "provisioningProfiles")
    assert all(found[name] is not None for name in names)
    assert base64.b64decode(found["p12"], validate=True) == b"key"
    assert base64.b64decode(found["provisioningProfiles"][0], validate=True) == b"profile"
    assert found["keychainPassword"]


@pytest.mark.parametrize(("certs", "other", "status"), [(None, False, 404), (b"x", True, 403)])
def test_bootstrap_is_told_what_is_final(
    it: Controller, certs: bytes | None, status: int, *, other: bool
) -> None:
    """404 and 403 are not tried again."""
    build_id, worker_id = it.assigned(certs=certs)
    sender = it.register() if other else worker_id
    path = f"/api/builds/{build_id}/certs-secure"
    assert say(it, f"GET {path}", _curl(it, build_id, sender))[0] == status


def test_build_runner_logs_line_by_line(it: Controller) -> None:
    """One entry a request."""
    ids = it.assigned()
    for n in range(3):
        json_of(_curl_json(it, ids, "logs", {"level": "info", "message": f"step {n}"}))
    assert it.lines(ids[0])[-3:] == [("info", f"step {n}") for n in range(3)]


@OURS
def test_monitor_starts_and_beats(it: Controller) -> None:
    """Both are answered 200 and become lines."""
    ids = it.assigned()
    for kind, data in (
        ("monitor_started", {}),
        (
            "heartbeat",
            {
                "heartbeat_count": 1,
                "stage": "install",
                "metrics": {"cpu_percent": 5, "memory_mb": 1, "disk_percent": 2, "processes": 3},
                "uptime_seconds": 30,
            },
        ),
    ):
        body = {"type": kind, "timestamp": "2026-01-28T12:00:00Z", "data": data}
        json_of(_curl_json(it, ids, "telemetry", body))
    assert [text for _, text in it.lines(ids[0])[-2:]] == [
        "[VM] Monitor started",
        "[VM] Stage: install | CPU: 5.0% | Mem: 1MB | Disk: 2% | Beat: 1",
    ]
