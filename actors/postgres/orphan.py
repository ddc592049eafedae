"""What a controller that was killed may leave: its server, or only the server's pid file.

The server is ended and ours is started, never adopted: of a foreign child we would learn neither
its death nor its exit, it would outlive us in turn, and it may run with settings of an older
release. On Linux it is ending already, by the parent-death signal.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from actors.postgres.errors import PostgresSetupError

PID_FILE = "postmaster.pid"
_STEPS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))


def read_pid_file(data: Path) -> list[str]:
    """Lines of the server's pid file: pid first, state eighth; none when there is no server."""
    try:
        return (data / PID_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []


def end_orphan(data: Path) -> None:
    """See that no server runs on `data`; blocking, bounded. The caller holds the `data_lock`.

    A pid that now belongs to some other process is taken out of the file, because PostgreSQL
    would refuse to start; in a container, where pids repeat, this happens at every other start.
    The file itself stays: by its other lines PostgreSQL finds backends that outlived their server.
    """
    lines = read_pid_file(data)
    pid = int(lines[0]) if lines and lines[0].strip().isdigit() else 0
    if pid <= 0 or not _alive(pid):
        return
    if not _serves(pid, data):
        _disown(data)
        return
    for number, seconds in _STEPS:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        if _gone(pid, seconds):
            return
    raise PostgresSetupError(f"the old PostgreSQL server of {data} (process {pid}) does not end")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _serves(pid: int, data: Path) -> bool:
    """Whether the process is a PostgreSQL server on this very folder."""
    if sys.platform == "linux":
        try:
            name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
            return name == "postgres" and Path(f"/proc/{pid}/cwd").samefile(data)
        except OSError:
            return False
    answer = subprocess.run(  # noqa: S603 - a system program
        ["/bin/ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False
    )
    return "postgres" in answer.stdout and str(data) in answer.stdout


def _disown(data: Path) -> None:
    """Put our own pid into the file: PostgreSQL takes its parent's for stale."""
    path = data / PID_FILE
    rest = path.read_bytes().partition(b"\n")[2]
    with path.open("r+b") as file:
        file.write(f"{os.getpid()}\n".encode() + rest)
        file.truncate()


def _gone(pid: int, seconds: float) -> bool:
    """Wait for the end of a process that is not our child; False when the time is over."""
    if sys.platform == "linux":
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        try:
            return bool(select.select([fd], [], [], seconds)[0])
        finally:
            os.close(fd)
    end = time.monotonic() + seconds
    while _alive(pid) and time.monotonic() < end:
        time.sleep(0.05)  # there is nothing to wait on for a foreign process here
    return not _alive(pid)
