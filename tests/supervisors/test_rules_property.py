"""The pure rules against naive models: the restart window, the matrix, who is affected."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from supervisors.budget import Window
from supervisors.decide import Verdict, affected, decide, is_reported, shuts_down
from supervisors.exits import (
    KILLED,
    NOPROC,
    NORMAL,
    SHUTDOWN,
    Crash,
    ExitReason,
    FailedToStart,
    Shutdown,
    is_clean,
)
from supervisors.spec import AutoShutdown, Budget, Restart, Strategy

# Quarters are exact in binary, so that "exactly one period old" really occurs.
quarters = st.integers(0, 80).map(lambda n: n / 4)
reasons = st.sampled_from(
    [
        *[NORMAL, SHUTDOWN, Shutdown("x"), Shutdown(FailedToStart("a", KILLED))],
        *[KILLED, NOPROC, Crash(ValueError()), Crash(ExceptionGroup("g", [ValueError()]))],
    ]
)
orders = st.lists(st.text(min_size=1), min_size=1, unique=True)


@given(
    intensity=st.integers(0, 5),
    period=st.integers(1, 24).map(lambda n: n / 4),
    gaps=st.lists(quarters, max_size=30),
)
def test_window_counts_what_a_full_history_counts(
    intensity: int, period: float, gaps: list[float]
) -> None:
    """At each restart those not older than a period are at most the intensity, or it is refused."""
    window = Window(Budget(intensity=intensity, period=period))
    history: list[float] = []
    now = 0.0
    for gap in gaps:
        now += gap
        young = sum(now - stamp <= period for stamp in history)
        assert window.left(now) == max(0, intensity - young)
        history.append(now)
        assert window.spend(now) is (young + 1 <= intensity)


@given(st.sampled_from(Restart), reasons)
def test_otp_036_decide_restarts_permanent_always_and_transient_when_abnormal(
    restart: Restart, reason: ExitReason
) -> None:
    """Clean is normal and shutdown, with or without detail; everything else is abnormal."""
    clean = isinstance(reason, type(NORMAL) | type(SHUTDOWN))
    assert is_clean(reason) is clean
    verdict = decide(restart, reason)
    if restart is Restart.TEMPORARY:
        assert verdict is Verdict.GONE
    else:
        again = restart is Restart.PERMANENT or not clean
        assert verdict is (Verdict.RESTART if again else Verdict.IDLE)
    assert is_reported(restart, reason) is (restart is Restart.PERMANENT or not clean)


def test_nothing_shuts_a_supervisor_down_that_does_not_heed_its_children() -> None:
    """Whatever is left of them."""
    assert not shuts_down(AutoShutdown.NEVER, significant_left=False)
    assert not shuts_down(AutoShutdown.NEVER, significant_left=True)


@given(st.sampled_from(Strategy), orders, st.data())
def test_affected_is_the_failed_child_with_its_part_of_the_order(
    strategy: Strategy, order: list[str], data: st.DataObject
) -> None:
    """Nothing, what is behind, or everything comes along; the order is kept."""
    failed = data.draw(st.sampled_from(order))
    ids = list(affected(strategy, order, failed))
    assert failed in ids
    assert ids == [one for one in order if one in ids]
    spared = {one for one in order if one not in ids}
    expected = {
        Strategy.ONE_FOR_ONE: set(order) - {failed},
        Strategy.REST_FOR_ONE: set(order[: order.index(failed)]),
        Strategy.ONE_FOR_ALL: set[str](),
    }
    assert spared == expected[strategy]
