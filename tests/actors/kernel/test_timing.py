"""Service times: percentiles from a histogram of fixed size."""

from __future__ import annotations

import pytest

from actors.kernel.timing import Timing, is_sampled


def test_percentiles_are_at_most_a_quarter_too_high() -> None:
    """Never too low; of a thousand even durations."""
    timing = Timing()
    for number in range(1, 1001):
        timing.note(number / 1000)
    for share in (0.1, 0.5, 0.99, 1.0):
        assert share <= timing.percentile(share) <= share * 1.25 + 1e-9


@pytest.mark.parametrize("seconds", [0.0, 1e-9, 1e-6, 0.5, 1.0, 3600.0, 1e6])
def test_any_duration_fits(seconds: float) -> None:
    """One bucket for it, whatever its size."""
    timing = Timing()
    timing.note(seconds)
    assert seconds <= timing.percentile(0.99) <= seconds * 1.25 + 2e-9


def test_nothing_timed_is_zero_and_text_has_units() -> None:
    """Milliseconds below a second."""
    timing = Timing()
    assert timing.percentile(0.5) == 0
    for seconds in [0.001] * 98 + [2.0] * 2:
        timing.note(seconds)
    assert str(timing) == "1.22ms/2.5s"


def test_the_first_messages_are_timed_all_then_every_eighth() -> None:
    """So a rare message has its figure, and a flood costs little."""
    assert [n for n in range(100) if is_sampled(n)] == [*range(64), 64, 72, 80, 88, 96]
