"""The program as a user starts it: a process of its own, with a data folder and a port."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

from api.server.listen import bind

START_SECONDS = 60.0
STOP_SECONDS = 60.0


@dataclass(frozen=True)
class Program:
    """A controller that has said that it is up."""

    url: str
    data: Path
    process: subprocess.Popen[str]
    welcome: str

    @property
    def api_key(self) -> str:
        """The key it made."""
        return (self.data / "api-key").read_text(encoding="ascii").strip()


def free_port() -> int:
    """Return a port that nobody listens on now."""
    sockets = bind("127.0.0.1", 0)
    port: int = sockets[0].getsockname()[1]
    for opened in sockets:
        opened.close()
    return port


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return what a program gets from a machine that has never seen us."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), **more}


@contextmanager
def running_controller(
    data: Path, *options: str, env: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """Start a controller on `data`; at the end it must stop with 0 when told to."""
    port = free_port()
    home = data.parent / "home"
    home.mkdir(exist_ok=True)
    data.parent.chmod(0o711)  # under root the database server is another user
    with (data.parent / "controller.log").open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "controller", "start"),
                *("--port", str(port), "--data-dir", str(data), *options),
            ],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**environment(home), **(env or {})},
            cwd=Path(__file__).parents[2],
        )
    try:
        url = f"http://localhost:{port}"
        yield Program(url, data, process, _welcome(process))
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(STOP_SECONDS) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(STOP_SECONDS)
        if process.stdout is not None:
            process.stdout.close()


def _welcome(process: subprocess.Popen[str]) -> str:
    """Read the first screen; its last line says how to stop."""
    assert process.stdout is not None
    lines: list[str] = []
    overdue = Timer(START_SECONDS, process.kill)
    overdue.start()
    try:
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Stop"):
                return "".join(lines)
    finally:
        overdue.cancel()
    raise AssertionError(f"the controller did not start: {''.join(lines)}")
