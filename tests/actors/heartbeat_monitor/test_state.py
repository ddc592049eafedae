"""How long we have listened without a gap; no I/O."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.heartbeat_monitor.state import Listening

SWEEP = 10.0


def test_looks_in_time_add_up() -> None:
    """Looks that come when they should prove that we listened all the while."""
    listening = Listening(100, 100)
    assert [listening.look(now, SWEEP) for now in (110, 120, 131)] == [10, 20, 31]


def test_a_look_a_whole_sweep_late_begins_anew() -> None:
    """We were absent ourselves: a suspended machine, a stalled loop."""
    listening = Listening(0, 0)
    listening.look(10, SWEEP)
    assert listening.look(30.001, SWEEP) == 0
    assert listening.look(40, SWEEP) == 40 - 30.001


def test_an_interruption_begins_anew() -> None:
    """Signs of life may have been lost until then."""
    listening = Listening(0, 0)
    listening.look(10, SWEEP)
    listening.interrupted(15)
    assert listening.look(20, SWEEP) == 5


@given(st.lists(st.tuples(st.floats(0, 50), st.booleans()), max_size=30))
def test_it_never_claims_more_than_the_time_since_the_last_gap(
    steps: list[tuple[float, bool]],
) -> None:
    """Whatever happens, what is claimed lies after the last gap and is never negative."""
    listening = Listening(0, 0)
    now = last_gap = last_look = 0.0
    for pause, interrupted in steps:
        now += pause
        if interrupted:
            listening.interrupted(now)
            last_gap = now
            continue
        if now - last_look > 2 * SWEEP:
            last_gap = now
        last_look = now
        assert 0 <= listening.look(now, SWEEP) <= now - last_gap
