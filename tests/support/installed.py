"""The program as a process of its own, started as an operator starts it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from signal import SIGTERM

import httpx
import pytest

from tests.support.form import MULTIPART, Part, body_of, file

ROOT = Path(__file__).parents[2]
SECONDS = 60.0
"""A program that takes longer hangs, and is killed."""
LAST_LINE = "Stop "


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def minimal(folder: Path, **more: str) -> dict[str, str]:
    """Return an environment with hardly anything in it; HOME is empty."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return {"HOME": str(home), "PATH": os.defpath, "PYTHONPATH": str(ROOT), **more}


def command(*arguments: str) -> list[str]:
    """Return the command line of the program."""
    return [sys.executable, "-m", "controller", *arguments]


def run(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the program to its end in `folder`."""
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=minimal(folder, **(environment or {})),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one sentence with which a start is refused."""
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    said = [line for line in lines if not line.startswith("{")]
    assert len(said) == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert said[0].startswith("expo-controller: ")
    return said[0].removeprefix("expo-controller: ")


class Program:
    """A running controller; `folder` is where it was started, its data is below."""

    def __init__(self, folder: Path, port: int, *arguments: str, **environment: str) -> None:
        self.folder = folder
        self.port = port
        self.welcome: list[str] = []
        self._errors = folder / f"stderr-{time.monotonic_ns()}"
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command(*arguments, "--port", str(port)),
                cwd=folder,
                env=minimal(folder, **environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        self._watchdog = threading.Timer(SECONDS, self.process.kill)
        self._watchdog.start()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=SECONDS)

    @property
    def errors(self) -> str:
        """What it wrote to stderr so far."""
        return self._errors.read_text(encoding="utf-8")

    @property
    def log(self) -> str:
        """What the database server wrote."""
        return (self.folder / "data" / "postgres.log").read_text(encoding="utf-8")

    @property
    def key(self) -> str:
        """The key that it made."""
        return (self.folder / "data" / "api-key").read_text(encoding="ascii").strip()

    def up(self) -> Program:
        """Wait for the whole welcome."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.welcome.append(line.rstrip())
            if line.startswith(LAST_LINE):
                return self
        pytest.fail(f"the controller does not start: {self.errors}")

    def children(self) -> list[int]:
        """Return the processes it started, and theirs."""
        return _descendants(self.process.pid)

    def signal(self, number: int) -> None:
        """Send a signal to the controller alone."""
        self.process.send_signal(number)

    def ended(self) -> int:
        """Wait for the end and return the exit code."""
        code = self.process.wait(SECONDS)
        self._watchdog.cancel()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.http.close()
        return code

    def stop(self, number: int = SIGTERM) -> int:
        """Have it stop in order."""
        self.signal(number)
        return self.ended()

    # -- what clients do ------------------------------------------------------------------------

    def post(self, path: str, json: object = None, **headers: str) -> httpx.Response:
        """POST JSON with the key."""
        sent = {"X-API-Key": self.key, **{k.replace("_", "-"): v for k, v in headers.items()}}
        return self.http.post(path, json=json, headers=sent)

    def get(self, path: str) -> httpx.Response:
        """GET with the key."""
        return self.http.get(path, headers={"X-API-Key": self.key})

    def submit(self, source: bytes = b"source") -> str:
        """Submit a build; its id."""
        answer = self.http.post(
            "/api/builds/submit",
            content=body_of(file("source", source), Part("platform", "ios")),
            headers={"X-API-Key": self.key, "Content-Type": MULTIPART},
        )
        answer.raise_for_status()
        return str(answer.json()["id"])


@contextmanager
def program(folder: Path, *arguments: str, **environment: str) -> Iterator[Program]:
    """Run a controller that is up; however the block is left, no process stays behind."""
    started = Program(folder, free_port(), *arguments, **environment)
    try:
        yield started.up()
    finally:
        end(started)


def end(started: Program) -> None:
    """End a controller that may have ended already."""
    if started.process.poll() is None:
        started.stop()
    else:
        started.ended()


def gone(pid: int) -> bool:
    """Wait for the end of a process that is not our child; False when it does not come."""
    end_at = time.monotonic() + SECONDS
    while time.monotonic() < end_at:
        if not _runs(pid):
            return True
        time.sleep(0.02)  # there is nothing to wait on for a foreign process
    return False


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            found += [int(child), *_descendants(int(child))]
    return found
