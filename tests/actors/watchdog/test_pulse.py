"""The heartbeat and the thread that looks after it, on a clock that the test moves."""

from __future__ import annotations

import threading

from actors.watchdog.pulse import BEAT_SECONDS, STALL_SECONDS, STUCK_SECONDS, Pulse

LATE = BEAT_SECONDS + STALL_SECONDS + 0.01


class Clock:
    """Time that stands still."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


def looked(pulse: Pulse) -> object:
    """Look from another thread, as the watchdog does."""
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(pulse.look()))
    thread.start()
    thread.join()
    return found[0]


def test_a_beat_in_time_is_no_stall() -> None:
    """Also one that is late by less than the limit."""
    clock = Clock()
    pulse = Pulse(clock)
    for step in (BEAT_SECONDS, 0.0, BEAT_SECONDS + STALL_SECONDS - 0.01):
        clock.now += step
        assert looked(pulse) is None
        assert pulse.beat() is None
    assert (pulse.stalls, len(pulse.lags)) == (0, 3)


def test_a_late_beat_names_the_code_that_held_the_loop() -> None:
    """The stack is that of the loop's thread, at the time it was held."""
    clock = Clock()
    pulse = Pulse(clock)
    pulse.begin()

    def guilty() -> None:
        clock.now += LATE
        assert looked(pulse) is None

    guilty()
    stall = pulse.beat()
    assert stall is not None
    assert round(stall.seconds, 3) == round(LATE - BEAT_SECONDS, 3)
    assert "guilty" in stall.stack
    assert "test_pulse.py" in stall.stack
    assert (pulse.stalls, pulse.longest) == (1, stall.seconds)
    assert pulse.beat() is None


def test_a_stall_that_nobody_saw_is_reported_without_a_stack() -> None:
    """Code that lets no thread run, or a machine that slept."""
    clock = Clock()
    pulse = Pulse(clock)
    clock.now += LATE
    stall = pulse.beat()
    assert stall is not None
    assert "no other thread" in stall.stack


def test_a_loop_that_is_stuck_is_told_before_its_end() -> None:
    """With the stack of the first look: the code that began it."""
    clock = Clock()
    pulse = Pulse(clock)
    pulse.begin()
    clock.now += LATE
    assert looked(pulse) is None
    clock.now += STUCK_SECONDS
    stuck = looked(pulse)
    assert stuck is not None


def test_the_lags_of_a_minute_are_kept() -> None:
    """And no more."""
    clock = Clock()
    pulse = Pulse(clock)
    for _ in range(1000):
        clock.now += BEAT_SECONDS + 0.001
        pulse.beat()
    assert len(pulse.lags) == 600
    assert all(0.0009 < lag < 0.0011 for lag in pulse.lags)
