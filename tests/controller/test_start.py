"""The program as an operator meets it: a first start, a second one, and commands beside it."""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.installed import Program, end, free_port, program, run


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Start in an empty folder, for the tests that change nothing."""
    with program(tmp_path_factory.mktemp("first")) as started:
        yield started


def test_the_first_screen_says_where_everything_is(first: Program) -> None:
    """Six lines, each with an address or a path that is there."""
    assert first.welcome[0] == "Expo Free Agent Controller is up."
    rows = dict(line.split("  ", 1) for line in first.welcome[1:])
    told = {name.strip(): value.strip() for name, value in rows.items()}
    address = f"http://localhost:{first.port}"
    assert told["Dashboard"] == f"{address}/"
    assert told["API"] == f"{address}/api"
    assert told["Database"] == f"embedded PostgreSQL in {first.folder}/data/postgres"
    assert Path(told["Artifacts"]).is_dir()
    assert told["API key"] == f"in {first.folder}/data/api-key"
    assert told["Stop"] == "Ctrl-C"
    assert first.http.get("/").status_code == 200
    assert first.http.get("/health").json()["status"] == "ok"


def test_the_key_is_private(first: Program) -> None:
    """Only its owner reads the file; no output, log, process or environment shows the key."""
    file = first.folder / "data" / "api-key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert first.get("/api/builds").status_code == 200
    shown = [*first.welcome, first.errors, first.log]
    for pid in (first.process.pid, *first.children()):
        shown.append(Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8"))
        shown.append(Path(f"/proc/{pid}/environ").read_text(encoding="utf-8"))
    assert all(first.key not in text for text in shown)


def test_all_it_writes_is_below_the_data_folder(first: Program) -> None:
    """An empty HOME stays empty, and the folder of the start gets `data` only."""
    ours = {path.name for path in first.folder.iterdir()}
    assert {name for name in ours if not name.startswith("stderr")} == {"home", "data"}
    assert list((first.folder / "home").iterdir()) == []


def test_the_tree_command_draws_the_running_tree(first: Program) -> None:
    """As text for people and as JSON for programs, with the key from the data folder."""
    around = {"PORT": str(first.port)}
    text = run(first.folder, "tree", environment=around)
    assert text.returncode == 0, text.stderr
    for name in ("postgres", "repo", "queue_manager", "heartbeat_monitor", "recorder", "drain"):
        assert name in text.stdout
    found = run(first.folder, "tree", "--json", environment=around)
    assert json.loads(found.stdout)["id"] == "root"
    assert first.key not in text.stdout + found.stdout


def test_the_tree_command_says_why_it_cannot(first: Program, tmp_path: Path) -> None:
    """No key, a wrong key, no controller: a sentence each."""
    here = {"PORT": str(first.port)}
    assert "no API key" in run(tmp_path, "tree", environment=here).stderr
    wrong = {**here, "CONTROLLER_API_KEY": "not the key of anybody"}
    done = run(tmp_path, "tree", environment=wrong)
    assert done.returncode == 1
    assert "403" in done.stderr
    assert "Traceback" not in done.stderr
    done = run(first.folder, "tree", "--url", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "no controller answers" in done.stderr


def test_a_second_controller_on_the_folder_is_refused(first: Program) -> None:
    """One sentence that names the holder; the first one is not disturbed."""
    done = run(first.folder, "start", "--port", "0" + str(first.port))
    assert done.returncode == 1
    assert f"process {first.process.pid}" in done.stderr
    assert "Traceback" not in done.stderr
    assert first.get("/api/builds").status_code == 200


def test_a_port_in_use_is_one_sentence(first: Program, tmp_path: Path) -> None:
    """And nothing is made in the data folder but its lock."""
    done = run(tmp_path, "start", "--port", str(first.port))
    assert done.returncode == 1
    assert done.stderr == (
        f"expo-controller: Cannot listen on port {first.port} of all interfaces: "
        "it is already in use.\n"
    )
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["controller.lock"]


def test_only_the_port_is_open(first: Program) -> None:
    """The embedded server has no address that another machine could reach."""
    inodes: set[str] = set()
    for pid in first.children():
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            try:
                inodes.add(str(fd.readlink()))
            except FileNotFoundError:
                continue
    lines = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{first.process.pid}/net/{table}").read_text().splitlines()[1:]
    ]
    listening = {f"socket:[{line[9]}]" for line in lines if line[3] == "0A"}
    assert not inodes & listening


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder whose database is made once."""
    return tmp_path_factory.mktemp("again")


def test_what_was_submitted_is_there_after_a_restart(folder: Path) -> None:
    """A second start finds database, artifacts and key, and makes nothing anew, `start` or not."""
    with program(folder, "start") as started:
        key, build_id = started.key, started.submit()
    with program(folder, "--db", "./old.sqlite") as started:
        assert "start.sqlite_ignored" in started.errors  # of the program before us: only a warning
        assert started.key == key
        assert started.get(f"/api/builds/{build_id}/status").json()["status"] == "pending"
        assert started.get(f"/api/builds/{build_id}/logs").json()["logs"][0]["message"]
        assert started.children()
        assert "initdb" not in started.errors
        stored = [path for path in (folder / "data/storage/source").rglob("*") if path.is_file()]
        assert [path.read_bytes() for path in stored] == [b"source"]


def test_a_reader_that_left_does_not_end_it(folder: Path) -> None:
    """Nobody has to read the first screen: the controller goes on."""
    started = Program(folder, free_port())
    try:
        assert started.process.stdout is not None
        started.process.stdout.close()
        while started.process.poll() is None:
            try:
                assert started.http.get("/health").is_success
            except httpx.TransportError:
                time.sleep(0.05)  # it does not listen yet
            else:
                break
        assert started.stop() == 0, started.errors
    finally:
        end(started)
