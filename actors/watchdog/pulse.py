"""The heartbeat of the event loop, and the thread that looks after it.

A task of the loop beats; an OS thread, which runs when the loop does not, finds a beat that is
late and takes the stack of the loop's thread at that moment: the guilty code.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from traceback import extract_stack

BEAT_SECONDS = 0.1
STALL_SECONDS = 0.25
STUCK_SECONDS = 5.0
FRAMES = 30
_LOOP = "trio/_core/_run.py"
"""Whatever lies outside of it is the same for every stack."""
LAGS = 600
"""A minute of beats."""


@dataclass(frozen=True, slots=True)
class Stall:
    """For how many seconds the loop ran nothing else, and the stack then, innermost first."""

    seconds: float
    stack: str


class Pulse:
    """Beats on the loop, looks in the thread; both only touch single fields of it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.lags: deque[float] = deque(maxlen=LAGS)
        self.stalls = 0
        self.longest = 0.0
        self._clock = clock
        self._thread_id = threading.get_ident()
        self._beat_at = clock()
        self._stack = ""

    def begin(self) -> None:
        """Begin to beat; called in the thread of the loop."""
        self._thread_id = threading.get_ident()
        self._beat_at = self._clock()
        self._stack = ""

    def beat(self) -> Stall | None:
        """Note that the loop runs; return the stall that is over now, if there was one."""
        now = self._clock()
        lag = max(0.0, now - self._beat_at - BEAT_SECONDS)
        self._beat_at = now
        self.lags.append(lag)
        stack, self._stack = self._stack, ""
        if lag <= STALL_SECONDS:
            return None
        self.stalls += 1
        self.longest = max(self.longest, lag)
        return Stall(lag, stack or "the code let no other thread run, or the machine slept")

    def look(self) -> Stall | None:
        """Take the stack of a loop that is late, once; from the other thread.

        Returns what is known of it when it has been stuck so long that nobody should wait for
        the end of it.
        """
        late = self._clock() - self._beat_at - BEAT_SECONDS
        if late <= STALL_SECONDS:
            return None
        if not self._stack:
            self._stack = _stack_of(self._thread_id)
        return Stall(late, self._stack) if late > STUCK_SECONDS else None


class Watch:
    """The thread: looks twice a beat until it is ended."""

    def __init__(self, pulse: Pulse, on_stuck: Callable[[Stall], object]) -> None:
        self._pulse = pulse
        self._on_stuck = on_stuck
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """End the thread, soon."""
        self._over.set()

    def _run(self) -> None:
        told = False
        before = time.monotonic()
        while not self._over.wait(BEAT_SECONDS / 2):
            now = time.monotonic()
            slept, before = now - before, now
            if slept > STALL_SECONDS:
                continue  # the whole program was held: no code of ours is guilty
            stuck = self._pulse.look()
            if stuck is not None and not told:
                self._on_stuck(stuck)
            told = stuck is not None


def _stack_of(thread_id: int) -> str:
    frames = sys._current_frames()  # pyright: ignore[reportPrivateUsage] # noqa: SLF001 - the only way to see it
    frame = frames.get(thread_id)
    if frame is None:
        return ""
    found: list[str] = []
    for one in reversed(extract_stack(frame)):
        if one.filename.endswith(_LOOP):
            break
        found.append(f"{_place(one.filename)}:{one.lineno} {one.name}")
    return "\n".join(found[:FRAMES])


def _place(file: str) -> str:
    """Return the last parts of a path, enough to find it."""
    return "/".join(Path(file).parts[-3:])
