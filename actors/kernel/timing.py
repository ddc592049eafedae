"""How long an actor takes for a message: a histogram of fixed size, cheap enough for always."""

from __future__ import annotations

import math

STEPS = 4
"""Buckets for each doubling: a percentile is at most a quarter too high."""
ALL_UP_TO = 64
"""So many of the first messages are timed; after them every eighth."""

_LEAST = 1e-9


def is_sampled(number: int) -> bool:
    """Whether the message with this number is timed."""
    return number < ALL_UP_TO or not number & 7


class Timing:
    """Counts of durations by size."""

    __slots__ = ("_counts", "samples")

    def __init__(self) -> None:
        self.samples = 0
        self._counts: dict[int, int] = {}

    def note(self, seconds: float) -> None:
        """Count one duration."""
        mantissa, exponent = math.frexp(max(seconds, _LEAST))
        bucket = exponent * STEPS + int(mantissa * 2 * STEPS) - STEPS
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self.samples += 1

    def percentile(self, share: float) -> float:
        """Return the duration that `share` of all stay within; 0 without any."""
        left = math.ceil(share * self.samples)
        for bucket in sorted(self._counts):
            left -= self._counts[bucket]
            if left <= 0:
                exponent, step = divmod(bucket, STEPS)
                return math.ldexp((step + 1 + STEPS) / (2 * STEPS), exponent)
        return 0.0

    def __str__(self) -> str:
        return f"{_short(self.percentile(0.5))}/{_short(self.percentile(0.99))}"


def _short(seconds: float) -> str:
    return f"{seconds * 1000:.3g}ms" if seconds < 1 else f"{seconds:.3g}s"
