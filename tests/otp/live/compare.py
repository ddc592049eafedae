"""The same fresh scenarios on real Erlang and on our runtime."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.otp.journals.judge import Judgement, judge
from tests.otp.live.recorder import record

if TYPE_CHECKING:
    from tests.otp.live.erlang import Erlang
    from tests.otp.live.shape import Json

_BATCH = 400
"""Scenarios a node: one that hangs is found within its limit."""


@dataclass(slots=True)
class Comparison:
    """What came of the scenarios; `dropped` are those in which Erlang was not of one mind."""

    counts: Counter[Judgement] = field(default_factory=Counter)
    differences: list[tuple[Json, list[str]]] = field(default_factory=list)
    dropped: int = 0
    runs: int = 0

    def __str__(self) -> str:
        judged = ", ".join(f"{self.counts[one]} {one.value}" for one in Judgement)
        return f"{judged}; {self.dropped} dropped, {self.runs} runs of Erlang"


def compare(erlang: Erlang, scenarios: list[Json]) -> Comparison:
    """Record each scenario, play it here, and judge."""
    found = Comparison()
    for at in range(0, len(scenarios), _BATCH):
        harvest = record(erlang, scenarios[at : at + _BATCH])
        found.dropped += len(harvest.dropped)
        found.runs += harvest.runs
        for one in harvest.kept:
            judgement, why = judge(one)
            found.counts[judgement] += 1
            if judgement is Judgement.DIFFERS:
                found.differences.append((one, why))
    return found
