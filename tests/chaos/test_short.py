"""The hammer in short: a fixed set of faults, in an order that nobody chose."""

from __future__ import annotations

import secrets

from tests.chaos.run import Order, run

FAULTS = (
    "kill_actors",
    "kill_queue_manager",
    "kill_supervisor",
    "kill_postgres",
    "kill_controller",
    "stop_postgres",
    "stop_controller",
    "cut_database",
    "drop_clients",
    "fill_disk",
)


async def test_nothing_acknowledged_is_lost_whatever_is_killed() -> None:
    """A controller under load and attack keeps what it promised; the seed repeats the attack."""
    seed = secrets.randbelow(1 << 32)
    print(f"seed {seed}: python -m tests.chaos --variant single --seed {seed}")
    report = await run(Order(seed=seed, seconds=9, faults=FAULTS, longest=2.0, rounds=4))
    assert report.wrong == [], (seed, report.folder, report.trace)
    assert len(report.injections) >= 4
