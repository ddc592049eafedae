"""The commands of the window against a real program, and what a service manager hears of it."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.installed import Program, command, end, minimal, program, run

QUEUE = "orchestration/queue_manager"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder whose database is made once for all tests here."""
    found = tmp_path_factory.mktemp("window")
    found.chmod(0o711)
    return found


@pytest.fixture(scope="module")
def started(folder: Path) -> Iterator[Program]:
    """Run one controller for the commands."""
    with program(folder) as running:
        yield running


def said(started: Program, *arguments: str) -> str:
    """Run a command against the program; returns what it prints."""
    done = run(started.folder, *arguments, environment={"PORT": str(started.port)})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_kill_tells_what_it_killed_and_why_stands_in_the_log(started: Program) -> None:
    """In the name of whoever ran the command; gently it is stopped in order."""
    assert (
        said(started, "kill", QUEUE, "--why", "to see") == f"{QUEUE} killed; it was generation 1\n"
    )
    told = said(started, "kill", QUEUE, "--gently", "--why", "again")
    assert told == f"{QUEUE} restarted; now generation 3\n"
    lines = [json.loads(line) for line in started.errors.splitlines() if "debug.acted" in line]
    assert [(line["what"], line["why"]) for line in lines[:2]] == [
        ("kill", "to see"),
        ("restart", "again"),
    ]
    assert all(line["who"] for line in lines)


def test_kill_wants_a_reason(started: Program) -> None:
    """Usage, exit code 2, and nothing happens."""
    done = run(started.folder, "kill", QUEUE, environment={"PORT": str(started.port)})
    assert (done.returncode, "--why" in done.stderr) == (2, True)


def test_state_and_stack_are_json(started: Program) -> None:
    """The fields of the actor; the frames of its task."""
    found = json.loads(said(started, "state", QUEUE))
    assert found["status"]["module"] == "QueueManagerActor"
    found = json.loads(said(started, "state", QUEUE, "--stack"))
    assert any("actors/kernel/actor.py" in line for line in found["stack"])


def test_tree_shows_answers_and_a_stack(started: Program) -> None:
    """As text."""
    text = said(started, "tree", "--ask", "--stack", QUEUE)
    assert "answers=yes" in text
    assert "stack=" in text


def test_trace_prints_and_ends(started: Program) -> None:
    """After its time."""
    assert said(started, "trace", QUEUE, "--seconds", "0.2").endswith(" events\n")


def test_a_refusal_is_one_sentence(started: Program) -> None:
    """With the words of the controller."""
    done = run(
        started.folder, "kill", "nobody", "--why", "x", environment={"PORT": str(started.port)}
    )
    assert done.returncode == 1
    assert "No process at nobody" in done.stderr
    assert "Traceback" not in done.stderr


def test_watch_prints_the_tree_anew_when_something_changes(started: Program) -> None:
    """Until it is interrupted, and ends with 0."""
    watching = subprocess.Popen(
        command("tree", "--watch"),
        cwd=started.folder,
        env=minimal(started.folder, PORT=str(started.port), PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    try:
        for line in watching.stdout:
            if "drain" in line:
                break
        said(started, "kill", "pubsub", "--why", "to be seen")
        for line in watching.stdout:
            if "pubsub" in line and "restarted 1x" in line:
                break
        else:
            pytest.fail("the restart was not shown")
    finally:
        watching.terminate()
        watching.wait(10)
        watching.stdout.close()


def test_the_program_ends_when_its_root_is_gone(folder: Path, started: Program) -> None:
    """Exit code 3, no HTTP without a tree; the database is closed with it."""
    answer = started.post("/debug/kill", {"path": "root", "why": "the last test here"})
    assert answer.json()["killed"] == "root"
    assert started.process.wait(30) == 3
    assert "controller.gave_up" in started.errors
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", started.port)) != 0
    assert (folder / "data").is_dir()


def test_the_service_manager_is_told(tmp_path: Path) -> None:
    """Ready when all is up, alive while it is, stopping at the signal."""
    tmp_path.chmod(0o711)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(tmp_path / "notify"))
        line.settimeout(30)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "3000000"}
        with program(tmp_path, **environment) as running:
            heard = [line.recv(100)]
            while b"READY=1" not in heard:
                heard.append(line.recv(100))
            assert heard.count(b"READY=1") == 1
            assert line.recv(100) == b"WATCHDOG=1"
            running.signal(15)
            while b"STOPPING=1" not in heard:
                heard.append(line.recv(100))
            end(running)
            assert heard.count(b"READY=1") == 1
