"""New journals: each scenario played several times, kept when all its recordings agree."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.otp.live.agree import disagreements
from tests.otp.live.marks import is_marked, mark_groups

if TYPE_CHECKING:
    from tests.otp.live.erlang import Erlang
    from tests.otp.live.shape import Json

# Shaken runs after the calm one; more of them where several acted at once.
_USUAL, _SEVERAL = 2, 15


@dataclass(slots=True)
class Harvest:
    """What was kept, and why the rest was not."""

    kept: list[Json] = field(default_factory=list)
    dropped: dict[str, str] = field(default_factory=dict)
    runs: int = 0


def record(erlang: Erlang, scenarios: list[Json]) -> Harvest:
    """Record scenarios on real OTP.

    Steps at which nothing can happen are taken out of their scenario first: a burst at a
    supervisor that was gone by then, and all but one step after the end of the whole tree.
    """
    harvest = Harvest(runs=len(scenarios))
    release = erlang.release()
    calm = erlang.play([(one, False) for one in scenarios])
    pairs: list[tuple[Json, Json]] = []
    for one, run in zip(scenarios, calm, strict=True):
        if "failed" in run:
            harvest.dropped[one["name"]] = f"failed: {run['failed']}"
        else:
            pairs.append(_trimmed(one, run))
    for (one, first), others in zip(pairs, _shaken(erlang, harvest, pairs), strict=True):
        why = next((what for run in others for what in disagreements(first, run)), None)
        if why:
            harvest.dropped[one["name"]] = why
        else:
            harvest.kept.append(one | {"recorded": {"otp": release} | first})
    return harvest


def _trimmed(scenario: Json, recorded: Json) -> tuple[Json, Json]:
    last = _last(scenario, recorded)
    both = [
        (step, seen)
        for step, seen in list(zip(scenario["steps"], recorded["steps"], strict=True))[:last]
        if step["do"] != "burst" or seen.get("result") != "not_running"
    ]
    played = scenario | {"steps": [step for step, _ in both]}
    recorded = recorded | {"steps": [seen for _, seen in both]}
    mark_groups(played, recorded)
    return played, recorded


def _last(scenario: Json, recorded: Json) -> int:
    for at, seen in enumerate([recorded["start"], *recorded["steps"]]):
        if "snapshot" in seen and not seen["snapshot"]["sups"]:
            after = scenario["steps"][at : at + 1]
            return at + sum(step.get("quiet", True) for step in after)
    return len(scenario["steps"])


def _shaken(erlang: Erlang, harvest: Harvest, pairs: list[tuple[Json, Json]]) -> list[list[Json]]:
    """Play each scenario again and again; return the recordings of each."""
    counts = [_SEVERAL if _at_once(one, first) else _USUAL for one, first in pairs]
    runs = [
        (one, True) for (one, _), count in zip(pairs, counts, strict=True) for _ in range(count)
    ]
    harvest.runs += len(runs)
    recorded = iter(erlang.play(runs))
    return [[next(recorded) for _ in range(count)] for count in counts]


def _at_once(scenario: Json, recorded: Json) -> bool:
    """Whether processes act side by side: open orders, several held, requests that wait."""
    steps = scenario["steps"] + [item for one in scenario["steps"] for item in one.get("items", [])]
    held = max((len(step.get("hold", ())) for step in steps), default=0)
    return is_marked(recorded) or held > 1 or any("async" in step for step in steps)
