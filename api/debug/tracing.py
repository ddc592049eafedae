"""Watching one process at work for some seconds: its messages, replies and states, as events."""

from __future__ import annotations

from collections import deque
from contextlib import suppress

import trio

from actors.kernel import sys
from api.debug.live import Write, event
from api.debug.plain import plain
from api.debug.window import Window
from supervisors.debug import DebugEvent
from supervisors.errors import NoProcError
from supervisors.process import Process

BUFFERED = 500
LONGEST = 300.0
SECONDS = 10.0


class Tracer:
    """A debug function of the process, and the buffer between it and a slow client."""

    def __init__(self, process: Process, window: Window) -> None:
        self._process = process
        self._window = window
        self._lines: deque[bytes] = deque(maxlen=BUFFERED)
        self._news = trio.Event()
        self._seen = 0

    async def begin(self) -> None:
        """Put the debug function in; raises what `sys` does."""
        await sys.install(self._process, self, self._hook)

    async def run(self, seconds: float, write: Write) -> None:
        """Write what happens until the time is over, the process ends or the window closes."""
        self._process.watch(self, lambda _ended: self._news.set())
        try:
            with trio.move_on_after(seconds):
                await self._copy(write)
            await write(event("end", {"seen": self._seen, "alive": self._process.is_alive}))
        finally:
            self._process.unwatch(self)
            self._process.runtime.home().start_soon(self._end)  # not here: it may be busy

    async def _end(self) -> None:
        with suppress(NoProcError, sys.SystemTimeoutError):
            await sys.remove(self._process, self)

    async def _copy(self, write: Write) -> None:
        await write(event("begin", {"path": self._process.path}))
        while self._process.is_alive and not self._window.closing:
            with trio.move_on_after(1.0):
                await self._news.wait()
            self._news = trio.Event()
            lines, self._lines = self._lines, deque(maxlen=BUFFERED)
            await write(b"".join(lines) or b": quiet\n\n")

    def _hook(self, state: object, happened: DebugEvent) -> object:
        shown = {"at": happened.at, "what": happened.what.value, "value": plain(happened.value)}
        self._lines.append(event("trace", shown))
        self._seen += 1
        self._news.set()
        return state
