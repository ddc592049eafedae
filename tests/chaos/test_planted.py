"""Proof that the hammer looks: a bug that was put there is found."""

from __future__ import annotations

import shutil

from tests.chaos.planted.bugs import PLANTED, order_of
from tests.chaos.run import run


async def test_a_lost_wake_up_is_found() -> None:
    """Workers whose polls are held get nothing although builds wait, and the report says so."""
    report = await run(order_of("lost_wake_up", seed=1))
    assert any(PLANTED["lost_wake_up"].sign in words for words in report.wrong), report.wrong
    shutil.rmtree(report.folder)
