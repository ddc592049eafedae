"""The books of the demonstration: what counts as lost, as given twice, as a wait."""

from __future__ import annotations

import pytest

from controller.agent.events import Granted
from controller.demo.figures import percentile
from controller.demo.ledger import Ledger, Promise, is_orderly


def _grant(worker: str, attempt: int | None = 1, at: float = 0) -> Granted:
    return Granted("b", worker, attempt, at)


def _ledger(*builds: str) -> Ledger:
    ledger = Ledger(len(builds))
    for build in builds:
        ledger.promises[build] = Promise(build, "token", "sha", 10.0)
    return ledger


ORDERLY = {
    "none": [],
    "one": [_grant("a")],
    "the same again": [_grant("a"), _grant("a")],
    "a second attempt elsewhere": [_grant("a", 1), _grant("b", 2)],
    "a second attempt of the same": [_grant("a", 1), _grant("a", 2)],
    "not numbered": [_grant("a", None), _grant("a", None)],
}
DISORDERLY = {
    "one attempt at two workers": [_grant("a", 1), _grant("b", 1)],
    "two workers, not numbered": [_grant("a", None), _grant("b", None)],
    "a late return to an ended grant": [_grant("a", 1), _grant("b", 2), _grant("b", 1)],
    "a grant nobody knows of": [_grant("a", 1), _grant("b", 3)],
    "no first grant": [_grant("a", 2)],
    "numbered from nought": [_grant("a", 0)],
}


@pytest.mark.parametrize("grants", ORDERLY.values(), ids=ORDERLY.keys())
def test_grants_that_follow_one_another_are_orderly(grants: list[Granted]) -> None:
    """Attempts 1 to n, one worker each, are how it should be."""
    assert is_orderly(grants)


@pytest.mark.parametrize("grants", DISORDERLY.values(), ids=DISORDERLY.keys())
def test_any_other_grants_count_as_given_twice(grants: list[Granted]) -> None:
    """A shared attempt or a hole in the numbers is a fault."""
    assert not is_orderly(grants)


def test_what_was_acknowledged_and_not_verified_is_lost() -> None:
    """A build that failed and one that never ended are both not what was promised."""
    ledger = _ledger("good", "bad", "silent")
    ledger.verified.add("good")
    ledger.failed["bad"] = "why"
    ledger.delivered.add("silent")
    figures = ledger.close(60, seed=1)
    assert ledger.lost == {"bad", "silent"}
    assert ledger.outstanding() == {"silent"}
    assert (figures.lost, figures.failures, figures.builds_per_minute) == (2, 1, 1.0)
    assert not figures.is_good


def test_a_run_is_settled_when_every_build_has_an_end() -> None:
    """Refused submissions are settled too; a promise without an end is not."""
    ledger = _ledger("a")
    ledger.expected = 2
    assert not ledger.is_settled
    ledger.refused.append("413")
    assert not ledger.is_settled
    ledger.verified.add("a")
    assert ledger.is_settled
    assert ledger.close(1, seed=1).failures == 1


def test_the_wait_is_from_acknowledgement_to_first_worker() -> None:
    """A worker that had the build before the submitter had its answer waited nothing."""
    ledger = _ledger("a", "b", "c")
    ledger.grants["a"] += [_grant("w", 2, at=15), _grant("v", 1, at=12)]
    ledger.grants["b"].append(_grant("w", 1, at=9.5))
    assert ledger.latencies() == [2.0, 0.0]
    assert ledger.close(1, seed=1).in_queue_p99_ms == 2000


def test_a_run_without_faults_is_good() -> None:
    """Nothing lost, nothing twice, no failure."""
    ledger = _ledger("a")
    ledger.verified.add("a")
    ledger.grants["a"].append(_grant("w"))
    assert ledger.close(1, seed=1).is_good


@pytest.mark.parametrize(("percent", "value"), [(50, 50), (99, 99), (100, 100), (0, 1)])
def test_percentiles_are_by_nearest_rank(percent: float, value: float) -> None:
    """The value is one of those measured."""
    assert percentile([float(n) for n in range(100, 0, -1)], percent) == value


def test_nothing_has_no_percentile() -> None:
    """No measurement, no figure."""
    assert percentile([], 50) is None
