"""What a run comes to: the numbers of its closing table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The result of a run; None where it does not apply."""

    builds: int
    seconds: float
    builds_per_minute: float
    in_queue_p50_ms: float | None
    in_queue_p99_ms: float | None
    failures: int
    kills: int
    lost: int
    assigned_twice: int
    seed: int
    secrets_in_the_log: int | None = None
    controller_exit: int | None = None

    @property
    def is_good(self) -> bool:
        """Whether the farm kept its promises."""
        faults = (self.lost, self.assigned_twice, self.failures)
        own = (self.secrets_in_the_log, self.controller_exit)
        return not any(faults) and not any(own)


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Return the nearest-rank percentile; None of nothing."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]
