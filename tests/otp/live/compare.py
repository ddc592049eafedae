"""The same fresh scenarios on real Erlang and on our runtime."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.otp.journals.judge import Judgement, judge
from tests.otp.live.agree import disagreements
from tests.otp.live.recorder import record

if TYPE_CHECKING:
    from tests.otp.live.erlang import Erlang
    from tests.otp.live.shape import Json

_BATCH = 400
"""Scenarios a node: one that hangs is found within its limit."""
_DOUBTS = 100
"""So many more runs before a difference is believed: a rare order may be open, too."""


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
            if judgement is Judgement.DIFFERS:
                found.runs += _DOUBTS
                if _is_open(erlang, one):
                    found.dropped += 1
                    continue
                found.differences.append((one, why))
            found.counts[judgement] += 1
    return found


def _is_open(erlang: Erlang, journal: Json) -> bool:
    """Whether Erlang, asked more often, does not agree with its own recording."""
    asked = {key: value for key, value in journal.items() if key != "recorded"}
    runs = erlang.play([(asked, True)] * _DOUBTS)
    return any(disagreements(journal["recorded"], run) for run in runs)
