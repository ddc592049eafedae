"""The restart budget: a sliding window over a monotonic clock; pure."""

from __future__ import annotations

from collections import deque

from supervisors.spec import Budget


class Window:
    """The restarts of one supervisor that still count."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._stamps: deque[float] = deque()

    def spend(self, now: float) -> bool:
        """Note one restart at `now` (seconds, monotonic); False when that is one too many."""
        self._forget(now)
        self._stamps.append(now)
        return len(self._stamps) <= self.budget.intensity

    def left(self, now: float) -> int:
        """How many restarts the supervisor would survive at `now`."""
        self._forget(now)
        return max(0, self.budget.intensity - len(self._stamps))

    def _forget(self, now: float) -> None:
        while self._stamps and self._stamps[0] < now - self.budget.period:
            self._stamps.popleft()
