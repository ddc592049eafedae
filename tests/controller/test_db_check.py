"""`expo-controller db check`: beside a controller at work, and on a database that nobody serves."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from tests.support.installed import Program, program, run

HOLDS, VIOLATED = 0, 4
OLD = time.time() - 2 * 86_400


def laws(folder: Path, code: int, *options: str) -> dict[str, Any]:
    """Run the check, which must end with `code`; the laws by name."""
    done = run(folder, "db", "check", "--json", *options)
    assert done.returncode == code, (done.stdout, done.stderr)
    found = json.loads(done.stdout)
    assert found["holds"] == (code == HOLDS)
    return {law["name"]: law for law in found["laws"]}


def complete(started: Program, build_id: str) -> None:
    """Have a worker take the oldest build, which must be this one, and bring a result."""
    worker = {"id": "worker", "name": "w", "capabilities": {"cpu": 1}}
    started.post("/api/workers/register", worker).raise_for_status()
    job = started.get("/api/workers/poll?worker_id=worker").json()["job"]
    assert job["id"] == build_id
    form = {"build_id": build_id, "worker_id": "worker", "success": "true"}
    started.http.post(
        "/api/workers/upload",
        data=form,
        files={"result": b"PK an app"},
        headers={"X-API-Key": started.key},
    ).raise_for_status()


def stored(folder: Path, kind: str) -> list[Path]:
    """Return the stored files of a kind."""
    return [path for path in (folder / "data" / "storage" / kind).rglob("*") if path.is_file()]


def test_beside_a_controller_at_work_and_after_it(tmp_path: Path) -> None:
    """The running server is asked, or started for the question; nothing changes; files count."""
    with program(tmp_path) as started:
        complete(started, started.submit())
        started.submit()
        found = laws(tmp_path, HOLDS, "--files")
        assert {"one_holder", "files_are_whole", "no_stray_files"} <= set(found)
        assert started.get("/api/health").status_code == 200
        (result,) = stored(tmp_path, "result")
        result.write_bytes(b"PK an ape")
        sources = stored(tmp_path, "source")
        sources[0].unlink()
        stray = sources[1].with_name("nobody-s")
        stray.write_bytes(b"left behind")
        os.utime(stray, (OLD, OLD))
        assert "files_are_whole" not in laws(tmp_path, HOLDS)
        found = laws(tmp_path, VIOLATED, "--files")
    broken = found["files_are_whole"]["offenders"]
    assert len(broken) == 2
    assert any("cannot be read: No such file" in text for text in broken)
    assert any(text.endswith("but not the ones that were stored") for text in broken)
    (left,) = found["no_stray_files"]["offenders"]
    assert left.endswith("nobody-s belongs to no build")
    done = run(tmp_path, "db", "check")
    assert done.returncode == HOLDS
    assert all(line.startswith("holds ") for line in done.stdout.splitlines())
    assert done.stderr == ""
    done = run(tmp_path, "db", "check", "--files")
    assert done.returncode == VIOLATED
    assert "BROKEN  files_are_whole: " in done.stdout
