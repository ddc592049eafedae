"""One life of the server process: started, ready, ended; trio waits for it without polling."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

import trio

from actors.postgres.cluster import Installation, server_arguments, server_environment
from actors.postgres.errors import PostgresSetupError
from actors.postgres.orphan import read_pid_file

START_SECONDS = 300.0
"""Recovery after a crash replays the log before the server is ready; it may have much to do."""
_LOOK_SECONDS = 0.02
_STATE_LINE = 7


class Server:
    """A direct child; whoever spawned it ends it and calls `close`."""

    def __init__(self, installation: Installation) -> None:
        """Start it, blocking for the fork only.

        With `Popen` and from the main thread: the parent-death signal is sent when the forking
        *thread* ends, and trio's own way to start programs forks in a thread that retires. In a
        session of its own, so that Ctrl-C in a terminal reaches the controller alone, which then
        stops the server when everybody who needs it is gone.
        """
        self._cluster = installation.cluster
        self.version = installation.binaries.version
        self.started_at = trio_time()
        in_main = threading.current_thread() is threading.main_thread()
        with self._cluster.log.open("ab") as log:
            self._log_start = log.tell()
            self._popen = subprocess.Popen(  # noqa: S603 - our own program
                installation.command(
                    "postgres",
                    *server_arguments(self._cluster),
                    on_death=signal.SIGINT if in_main else 0,
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=server_environment(),
                cwd="/",
                start_new_session=True,
            )
        self._pidfd = os.pidfd_open(self.pid) if sys.platform == "linux" else None

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    def is_ready(self) -> bool:
        """Whether it takes connections: the pid file names *our* process and says so.

        Asking through the socket is not enough: another server could answer there.
        """
        lines = read_pid_file(self._cluster.data)
        return (
            len(lines) > _STATE_LINE
            and lines[0].strip() == str(self.pid)
            and lines[_STATE_LINE].strip() == "ready"
        )

    async def ready(self) -> None:
        """Wait until it takes connections; `PostgresSetupError` if it ends or needs too long."""
        with trio.move_on_after(START_SECONDS):
            while not self.is_ready():
                with trio.move_on_after(_LOOK_SECONDS):
                    await self.exited()
                    raise PostgresSetupError(f"PostgreSQL did not start: {self.last_words()}")
            return
        raise PostgresSetupError(f"PostgreSQL was not ready within {START_SECONDS:g} s")

    async def exited(self) -> int:
        """Wait for the end of the process and return its exit status; one waiter at a time."""
        if self._popen.returncode is None:
            if self._pidfd is not None:
                await trio.lowlevel.wait_readable(self._pidfd)
            else:
                await trio.to_thread.run_sync(self._popen.wait, abandon_on_cancel=True)
        return self._popen.wait()

    def signal(self, number: int) -> None:
        """Send a signal, if the process is still there."""
        with suppress(ProcessLookupError):
            self._popen.send_signal(number)

    def wait(self, seconds: float) -> int:
        """Wait for the end, blocking; for those without trio."""
        return self._popen.wait(seconds)

    def close(self) -> None:
        """Free what belongs to us of a process that has ended."""
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None

    def last_words(self) -> str:
        """Return the last line of the log that this life wrote, errors before others."""
        with self._cluster.log.open("rb") as log:
            log.seek(max(self._log_start, os.fstat(log.fileno()).st_size - 8192))
            lines = log.read().decode(errors="replace").strip().splitlines()
        loud = [line for line in lines if "FATAL:" in line or "PANIC:" in line]
        return (loud or lines or ["it said nothing"])[-1]


def trio_time() -> float:
    """Return the time on the trio clock, 0 outside of trio."""
    try:
        return trio.current_time()
    except RuntimeError:
        return 0.0
