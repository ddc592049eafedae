"""Signs of life and log lines of one build, sent beside the work."""

from __future__ import annotations

import os
import resource
from collections import deque
from collections.abc import Awaitable, Callable

import trio

from api.client import Answer, ApiError, ControllerUnreachableError, Grant, LogEntry
from api.client.workers import WorkerCalls
from controller.agent.settings import AgentSettings

_KEPT_LINES = 5_000
_BATCH = 500


class TakenAwayError(Exception):
    """The build is not ours any more: cancelled, finished, or given to somebody else."""


class Pulse:
    """The `Journal` of a build; what it is told is sent while `run` runs.

    An outage is no news here: a missed sign of life is followed by the next, and log lines wait
    (the oldest go when there are too many). A batch whose answer was lost is sent again, so a line
    may appear twice.
    """

    def __init__(self, calls: WorkerCalls, grant: Grant, settings: AgentSettings) -> None:
        self._calls = calls
        self._grant = grant
        self._settings = settings
        self._lines: deque[LogEntry] = deque(maxlen=_KEPT_LINES)
        self._some = trio.Event()
        self._percent: int | None = None

    def log(self, level: str, message: str) -> None:
        """Add a line to the build's log; never waits."""
        self._lines.append(LogEntry(level, message))
        self._some.set()

    def progress(self, percent: int) -> None:
        """Tell how far the build is; never waits."""
        self._percent = percent

    async def run(self) -> None:
        """Send until cancelled; returns when the controller says that the build is taken away."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._beats)
                nursery.start_soon(self._batches)
        except* TakenAwayError:
            pass

    async def flush(self) -> None:
        """Send the waiting lines, one try each batch; raises `TakenAwayError`."""
        while self._lines and await self._send(self._append_batch):
            pass

    async def _beats(self) -> None:
        while True:
            await self._send(lambda: self._calls.heartbeat(self._grant, self._news()))
            await self._send(
                lambda: self._calls.telemetry(self._grant, "cpu_snapshot", machine_load())
            )
            await trio.sleep(self._settings.heartbeat_every)

    async def _batches(self) -> None:
        while True:
            await self._some.wait()
            self._some = trio.Event()
            await self.flush()
            await trio.sleep(self._settings.log_every)
            if self._lines:
                self._some.set()

    async def _append_batch(self) -> Answer:
        batch = list(self._lines)[:_BATCH]
        answer = await self._calls.append_logs(self._grant, batch)
        for line in batch:
            if self._lines and self._lines[0] is line:  # a full deque has dropped some meanwhile
                self._lines.popleft()
        return answer

    async def _send(self, call: Callable[[], Awaitable[Answer]]) -> bool:
        """Return whether it was answered well; raises `TakenAwayError`."""
        try:
            answer = await call()
        except ControllerUnreachableError:
            return False
        except ApiError as error:
            if error.is_taken_away:
                raise TakenAwayError(error.text) from error
            return False
        if answer.cancelled:
            raise TakenAwayError("cancelled")
        return True

    def _news(self) -> int | None:
        percent, self._percent = self._percent, None
        return percent


def machine_load() -> dict[str, float]:
    """Return the load of this machine and the memory of this process."""
    percent = min(1000.0, 100 * os.getloadavg()[0] / (os.cpu_count() or 1))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"cpu_percent": round(percent, 1), "memory_mb": round(memory, 1)}
