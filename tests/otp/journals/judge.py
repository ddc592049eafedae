"""Whether our runtime does what Erlang did; and where it differs on purpose."""

from __future__ import annotations

import traceback
from enum import Enum
from pathlib import Path
from typing import Any

from tests.otp.journals.player import play
from tests.otp.live.agree import disagreements

Json = Any


class Judgement(Enum):
    """How a played scenario stands to its recording; printed in this order."""

    AGREES = "agree"
    DEVIATES = "differ by a documented deviation"
    DIFFERS = "differ"


def judge(scenario: Json) -> tuple[Judgement, list[str]]:
    """Play a scenario and compare; return where it differs, too."""
    try:
        played = play(scenario)
    except Exception:  # noqa: BLE001 - one that cannot be played is a difference
        return Judgement.DIFFERS, [traceback.format_exc()[-1500:]]
    for one, other in zip(scenario["recorded"]["steps"], played["steps"], strict=True):
        _forget_labels(one.get("reports", []), other.get("reports", []))
    why = disagreements(scenario["recorded"], played)
    if not why:
        return Judgement.AGREES, []
    deviation = deviation_of(scenario)
    if deviation is not None:
        return Judgement.DEVIATES, [deviation]
    return Judgement.DIFFERS, why


def _forget_labels(recorded: list[Json], played: list[Json]) -> None:
    """Call a child "child" where OTP, which forgets a temporary child's arguments, does so."""
    left = list(played)
    for report in recorded:
        if report in left:
            left.remove(report)
        elif report.get("id") == "child":
            same = next((one for one in left if {**one, "id": "child"} == report), None)
            if same is not None:
                left.remove(same)
                same["id"] = "child"


def deviation_of(scenario: Json) -> str | None:
    """Return the documented deviation of a scenario, by its name; no other excuse counts."""
    return _DEVIATIONS.get(scenario["name"])


def _deviations() -> dict[str, str]:
    lines = Path(__file__).with_name("deviations.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split(" ", 1) for line in lines if not line.startswith("#"))


_DEVIATIONS = _deviations()
