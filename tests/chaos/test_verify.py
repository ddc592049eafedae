"""The books find what is missing, what is there twice, and what nobody ever sent."""

from __future__ import annotations

from typing import Any

from tests.chaos.ledger import Holder, Ledger, digest, source_of
from tests.chaos.verify import Faulty, _ends, _grants, _submissions, crashes

MAC = Holder("mac", "lease")
RESULT = digest(b"an app")


def told() -> Ledger:
    """Return a ledger of one build, done by one worker."""
    ledger = Ledger(label="a fault", keys={"key"})
    ledger.promise("build", "key", 1.0)
    ledger.grant("build", 1, MAC)
    ledger.sent["build"].add(RESULT)
    ledger.end("build", 1, MAC, RESULT)
    return ledger


def build(**changes: object) -> dict[str, Any]:
    """Return the row of that build."""
    row = {"status": "completed", "error_message": None, "ends": 1, "worker_id": "mac"}
    return {**row, "source": digest(source_of("key")), "result": RESULT, **changes}


def attempt(**changes: object) -> dict[str, Any]:
    """Return the row of its attempt."""
    return {"worker_id": "mac", "lease": "lease", "outcome": "completed", **changes}


def looked(builds: dict[str, Any], attempts: dict[tuple[str, int], Any], ledger: Ledger) -> Faulty:
    """Hold rows against a ledger."""
    found = Faulty()
    _submissions(builds, ledger, found)
    _grants(attempts, ledger, found)
    _ends(builds, attempts, ledger, found)
    return found


async def test_books_that_agree() -> None:
    """Nothing is found where nothing is wrong."""
    assert looked({"build": build()}, {("build", 1): attempt()}, told()).words == []


async def test_what_was_acknowledged_and_is_not_there() -> None:
    """A build, its end, its bytes: each is missed, under the fault that was in force."""
    rows = (
        {},
        {"build": build(status="pending", result=None)},
        {"build": build(result=digest(b""))},
    )
    for builds in rows:
        assert looked(builds, {("build", 1): attempt()}, told()).lost["a fault"] >= 1


async def test_what_is_there_twice() -> None:
    """Two builds of a key, two holders of an attempt, two ends of a build."""
    one, again = {"build": build()}, {("build", 1): attempt()}
    twins = {**one, "twin": build(result=None, status="failed")}
    assert looked(twins, again, told()).doubled["a fault"] == 1
    ledger = told()
    ledger.grant("build", 1, Holder("another", "lease"))
    assert looked(one, again, ledger).doubled["?"] == 1
    ledger = told()
    ledger.end("build", 2, Holder("another", "other lease"), RESULT)
    assert looked(one, again, ledger).doubled["a fault"] == 1
    stolen = {("build", 1): attempt(outcome="lost"), ("build", 2): attempt()}
    assert looked(one, stolen, told()).doubled["a fault"] == 1


def test_a_crash_that_no_fault_explains() -> None:
    """A killed database is expected; a bug in an actor, or a bare traceback, is not."""
    lines = (
        '{"level": "error", "event": "tree.child_terminated", "reason": "crash: ServerDiedError"}',
        '{"level": "error", "event": "tree.child_terminated", "path": "a", "reason": "KeyError"}',
        "Traceback (most recent call last):",
    )
    assert list(crashes(lines)) == [
        "tree.child_terminated a KeyError",
        "not JSON: Traceback (most recent call last):",
    ]
