"""Doing an idempotent call again until it is answered, or the time for it is over."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import trio

from api.client.errors import ApiError, ControllerUnreachableError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Retry:
    """Waits double from `first` to `longest`, each cut to a random half-to-whole of itself.

    Only what passes is tried again: no answer, 5xx and 429. `Retry-After` is a lower bound of the
    wait. `within` is the time from the first try to the start of the last one.
    """

    within: float = 60.0
    first: float = 0.1
    longest: float = 5.0
    rng: random.Random = field(default_factory=random.Random)

    async def __call__(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Return what `attempt` returns; raises its last error when the time is over."""
        end = trio.current_time() + self.within
        wait = self.first
        while True:
            try:
                return await attempt()
            except ControllerUnreachableError:
                pause = self._jitter(wait)
                if trio.current_time() + pause > end:
                    raise
            except ApiError as error:
                pause = max(self._jitter(wait), error.retry_after or 0)
                if not error.is_passing or trio.current_time() + pause > end:
                    raise
            await trio.sleep(pause)
            wait = min(wait * 2, self.longest)

    def _jitter(self, wait: float) -> float:
        return wait * self.rng.uniform(0.5, 1)
