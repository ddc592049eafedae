"""Section 4: builds, as their users and their workers see them."""

from __future__ import annotations

import base64
import io
import zipfile
from typing import Any

import pytest

from tests.contract.client import (
    APP,
    SOURCE,
    Controller,
    good,
    nobody,
    refused,
)

OURS = pytest.mark.ours
UNKNOWN = (404, "Build not found")


# -- list and active ------------------------------------------------------------------------------


def test_list_is_a_bare_array_newest_first(it: Controller) -> None:
    """Without pages; a query is ignored."""
    builds = [it.submit()["id"] for _ in range(3)]
    for path in ("/api/builds", "/api/builds?limit=1&status=failed"):
        listed = good(it.get(path))
        assert isinstance(listed, list)
        assert [row["id"] for row in listed][:3] == builds[::-1]


def test_list_has_completion_only_for_finished_builds(it: Controller) -> None:
    """Absent, never null."""
    waiting = it.submit()["id"]
    failed = it.submit()["id"]
    good(it.post(f"/api/builds/{failed}/cancel"))
    rows = {row["id"]: row for row in good(it.get("/api/builds"))}
    assert set(rows[waiting]) == {"id", "status", "createdAt"}
    assert set(rows[failed]) == {"id", "status", "createdAt", "completedAt"}


def test_active_lists_builds_that_are_with_a_worker(it: Controller) -> None:
    """Five fields, the start an integer."""
    build_id, worker_id = it.assigned()
    waiting = it.submit()["id"]
    rows = {row["id"]: row for row in good(it.get("/api/builds/active"))["builds"]}
    assert waiting not in rows
    assert set(rows[build_id]) >= {"id", "status", "platform", "worker_id", "started_at"}
    assert rows[build_id]["worker_id"] == worker_id
    assert isinstance(rows[build_id]["started_at"], int)


# -- status and logs ------------------------------------------------------------------------------


def test_status_has_all_eight_keys_always(it: Controller) -> None:
    """What is absent is null."""
    found = it.status(it.submit()["id"])
    assert set(found) >= {
        *("id", "status", "platform", "worker_id"),
        *("submitted_at", "started_at", "completed_at", "error_message"),
    }
    assert [found[name] for name in ("started_at", "completed_at", "error_message")] == [None] * 3


@pytest.mark.parametrize(
    ("method", "route"),
    [
        ("GET", "status"),
        ("GET", "logs"),
        ("GET", "download"),
        ("POST", "cancel"),
        ("POST", "retry"),
    ],
)
def test_unknown_build_is_404(it: Controller, method: str, route: str) -> None:
    """With the key."""
    assert refused(it.ask(method, f"/api/builds/{nobody()}/{route}")) == UNKNOWN


def test_logs_are_all_entries_whatever_the_query(it: Controller) -> None:
    """The CLI follows by position."""
    build_id, worker_id = it.assigned()
    batch = [{"level": "info", "message": str(n)} for n in range(150)]
    good(it.post(f"/api/builds/{build_id}/logs", {"logs": batch}, x_worker_id=worker_id))
    answer = good(it.get(f"/api/builds/{build_id}/logs?limit=5"))
    assert answer["build_id"] == build_id
    assert len(answer["logs"]) >= 150
    assert set(answer["logs"][0]) == {"timestamp", "level", "message"}


def _log(it: Controller, body: object) -> Any:
    build_id, worker_id = it.assigned()
    return build_id, it.post(f"/api/builds/{build_id}/logs", body, x_worker_id=worker_id)


@pytest.mark.parametrize("level", ["info", "warn", "error"])
def test_one_line_is_stored(it: Controller, level: str) -> None:
    """And nothing but success is told."""
    build_id, answer = _log(it, {"level": level, "message": "m"})
    assert good(answer) == {"success": True}
    assert it.lines(build_id)[-1] == (level, "m")


def test_batch_counts_all_and_stores_the_good(it: Controller) -> None:
    """Skipped elements are counted."""
    batch = [
        {"level": "info", "message": "a"},
        {"level": "debug", "message": "no"},
        {"level": "warn", "message": ""},
        {"message": "no"},
        {"level": "error", "message": "b"},
    ]
    build_id, answer = _log(it, {"logs": batch})
    assert good(answer) == {"success": True, "count": 5}
    assert it.lines(build_id)[-2:] == [("info", "a"), ("error", "b")]


def test_batch_wins_over_a_single_line(it: Controller) -> None:
    """`logs` is looked at first; an empty one is a batch of none."""
    build_id, answer = _log(it, {"logs": [], "level": "info", "message": "m"})
    assert good(answer) == {"success": True, "count": 0}
    assert ("info", "m") not in it.lines(build_id)


def test_unknown_level_is_400(it: Controller) -> None:
    """The three are named."""
    _, answer = _log(it, {"level": "debug", "message": "m"})
    assert refused(answer) == (400, "Invalid log level. Must be: info, warn, or error")


@pytest.mark.parametrize("body", [{}, {"level": "info"}, {"level": "", "message": ""}, {"logs": 5}])
def test_no_line_is_400(it: Controller, body: object) -> None:
    """What is wanted is named."""
    _, answer = _log(it, body)
    wanted = "Invalid body. Expected { level, message } or { logs: [...] }"
    assert refused(answer) == (400, wanted)


def test_lines_are_taken_in_every_state(it: Controller) -> None:
    """A completed build, too."""
    build_id, worker_id = it.completed()
    line = {"level": "info", "message": "late"}
    answer = good(it.post(f"/api/builds/{build_id}/logs", line, x_worker_id=worker_id))
    assert answer["success"] is True
    assert it.lines(build_id)[-1] == ("info", "late")


# -- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("platform", "ending"), [("ios", "ipa"), ("android", "apk")])
def test_download_is_the_result(it: Controller, platform: str, ending: str) -> None:
    """Bytes, type, and a name by platform."""
    build_id, _ = it.completed(platform)
    answer = it.get(f"/api/builds/{build_id}/download")
    assert (answer.status_code, answer.content) == (200, APP)
    assert answer.headers["content-type"] == "application/octet-stream"
    wanted = f'attachment; filename="{build_id}.{ending}"'
    assert answer.headers["content-disposition"] == wanted


def test_download_before_the_end_is_400(it: Controller) -> None:
    """Pending and failed builds alike."""
    build_id = it.submit()["id"]
    for _ in ("pending", "failed"):
        answer = it.get(f"/api/builds/{build_id}/download")
        assert refused(answer) == (400, "Build not completed")
        it.post(f"/api/builds/{build_id}/cancel")


def test_source_is_what_was_submitted(it: Controller) -> None:
    """A zip by type and name."""
    build_id, worker_id = it.assigned()
    answer = it.get(f"/api/builds/{build_id}/source", x_worker_id=worker_id)
    assert (answer.status_code, answer.content) == (200, SOURCE)
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == f'attachment; filename="{build_id}.zip"'


def test_certs_are_what_was_submitted(it: Controller) -> None:
    """A zip by type and name; none is 404."""
    build_id, worker_id = it.assigned(certs=b"PK certs")
    answer = it.get(f"/api/builds/{build_id}/certs", x_worker_id=worker_id)
    assert (answer.status_code, answer.content) == (200, b"PK certs")
    assert answer.headers["content-type"] == "application/zip"
    wanted = f'attachment; filename="{build_id}-certs.zip"'
    assert answer.headers["content-disposition"] == wanted


@pytest.mark.parametrize("route", ["certs", "certs-secure"])
def test_no_certs_are_404(it: Controller, route: str) -> None:
    """A build may have none."""
    build_id, worker_id = it.assigned()
    ids = {"x_worker_id": worker_id, "x_build_id": build_id}
    answer = it.get(f"/api/builds/{build_id}/{route}", **ids)
    assert refused(answer) == (404, "Certs not found")


def _zip(**files: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()


def _secure(it: Controller, certs: bytes) -> Any:
    build_id, worker_id = it.assigned(certs=certs)
    ids = {"x_worker_id": worker_id, "x_build_id": build_id}
    return it.get(f"/api/builds/{build_id}/certs-secure", **ids)


def test_certs_secure_takes_the_archive_apart(it: Controller) -> None:
    """Key, trimmed password, profiles in the order of the archive, as padded base64."""
    profiles = {"b.mobileprovision": b"B", "a.mobileprovision": b"A"}
    certs = _zip(**{"dir/key.p12": b"key", "password.txt": b" secret\n", **profiles})
    answer = good(_secure(it, certs))
    assert base64.b64decode(answer["p12"], validate=True) == b"key"
    assert answer["p12Password"] == "secret"
    assert [base64.b64decode(one) for one in answer["provisioningProfiles"]] == [b"B", b"A"]


def test_certs_secure_makes_a_new_keychain_password_each_time(it: Controller) -> None:
    """32 characters of base64."""
    build_id, worker_id = it.assigned(certs=_zip(**{"key.p12": b"k"}))
    ids = {"x_worker_id": worker_id, "x_build_id": build_id}
    made = {
        good(it.get(f"/api/builds/{build_id}/certs-secure", **ids))["keychainPassword"]
        for _ in range(2)
    }
    assert len(made) == 2
    assert all(len(base64.b64decode(one)) == 24 for one in made)


def test_certs_secure_without_password_has_an_empty_one(it: Controller) -> None:
    """Never null."""
    answer = good(_secure(it, _zip(**{"key.p12": b"k"})))
    assert (answer["p12Password"], answer["provisioningProfiles"]) == ("", [])


@pytest.mark.parametrize(
    "certs",
    [
        b"no zip",
        _zip(**{"password.txt": b"x"}),
        _zip(**{"key.p12": b"k", "../x": b""}),
        _zip(**{"key.p12": b"k", "/x": b""}),
        _zip(**{"key.p12": b"k", "a\\b": b""}),
    ],
    ids=["no zip", "no key", "climbs", "absolute", "backslash"],
)
def test_certs_secure_refuses_bad_archives(it: Controller, certs: bytes) -> None:
    """500, in the words that the VM script retries on."""
    assert refused(_secure(it, certs)) == (500, "Failed to process certs file")


# -- heartbeat and telemetry ----------------------------------------------------------------------


def _beat(it: Controller, build_id: str, worker_id: str, body: object = None) -> Any:
    return it.post(f"/api/builds/{build_id}/heartbeat?worker_id={worker_id}", body or {})


def test_heartbeat_checks_in_order(it: Controller) -> None:
    """Worker id, build, its worker."""
    build_id, _ = it.assigned()
    assert refused(it.post(f"/api/builds/{build_id}/heartbeat", {})) == (400, "worker_id required")
    assert refused(_beat(it, nobody(), "w")) == UNKNOWN
    wanted = (403, "Build not assigned to this worker")
    assert refused(_beat(it, build_id, it.register())) == wanted


@OURS
def test_heartbeat_is_taken(it: Controller) -> None:
    """`ok` and the time; progress becomes a line."""
    build_id, worker_id = it.assigned()
    answer = good(_beat(it, build_id, worker_id, {"progress": 42}))
    assert answer["status"] == "ok"
    assert isinstance(answer["timestamp"], int)
    assert it.lines(build_id)[-1] == ("info", "Build progress: 42%")
    count = len(it.lines(build_id))
    good(_beat(it, build_id, worker_id))
    assert len(it.lines(build_id)) == count


def _tell(it: Controller, kind: str, data: object, key: str | None = None) -> Any:
    build_id, worker_id = it.assigned()
    ids = {"x_worker_id": worker_id, "x_build_id": build_id}
    ids |= {} if key is None else {"x_api_key": key}
    body = {"type": kind, "timestamp": "2026-01-28T12:00:00Z", "data": data}
    return build_id, it.post(f"/api/builds/{build_id}/telemetry", body, **ids)


METRICS = {"cpu_percent": 12.345, "memory_mb": 2048, "disk_percent": 55, "processes": 9}
BEAT = {"heartbeat_count": 3, "stage": "building", "metrics": METRICS, "uptime_seconds": 90}


@OURS
@pytest.mark.parametrize(
    ("kind", "data", "line"),
    [
        ("monitor_started", {}, ("info", "[VM] Monitor started")),
        (
            "heartbeat",
            BEAT,
            ("debug", "[VM] Stage: building | CPU: 12.3% | Mem: 2048MB | Disk: 55% | Beat: 3"),
        ),
        (
            "heartbeat",
            {"stage": "s", "heartbeat_count": 1},
            ("debug", "[VM] Stage: s | CPU: 0.0% | Mem: 0MB | Disk: 0% | Beat: 1"),
        ),
        ("other", {"b": 1, "a": [2]}, ("debug", '[VM] other: {"b":1,"a":[2]}')),
    ],
)
def test_telemetry_becomes_one_line(
    it: Controller, kind: str, data: object, line: tuple[str, str]
) -> None:
    """By its type."""
    build_id, answer = _tell(it, kind, data)
    assert good(answer) == {"status": "ok"}
    assert it.lines(build_id)[-1] == line


@OURS
@pytest.mark.parametrize("cpu", [50, "50", -1, 1001, "many"])
def test_cpu_snapshot_is_answered_ok_whatever_it_holds(it: Controller, cpu: object) -> None:
    """Out of bounds is not stored, and not refused."""
    _, answer = _tell(it, "cpu_snapshot", {"cpu_percent": cpu, "memory_mb": 100})
    assert good(answer) == {"status": "ok"}


@OURS
def test_telemetry_needs_no_key_with_both_ids(it: Controller) -> None:
    """The resource monitor of the Swift worker has none."""
    _, answer = _tell(it, "cpu_snapshot", {"cpu_percent": 1, "memory_mb": 1}, key="")
    assert good(answer) == {"status": "ok"}


def test_telemetry_without_key_and_ids_is_401(it: Controller) -> None:
    """Nothing is nothing."""
    build_id, _ = it.assigned()
    assert it.post(f"/api/builds/{build_id}/telemetry", {}, x_api_key="").status_code == 401
