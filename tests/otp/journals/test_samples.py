"""Our runtime does what Erlang did, in a selection of recorded scenarios."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.otp.journals.__main__ import main
from tests.otp.journals.judge import Judgement, deviation_of, judge

SAMPLES = Path(__file__).parent / "samples"
SCENARIOS = [
    json.loads(line)
    for path in sorted(SAMPLES.glob("*.jsonl"))
    for line in path.read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["name"])
def test_journal_of_erlang_is_played_the_same(scenario: Any) -> None:
    """Events, results, snapshots, reports and crashes, in every order that Erlang keeps."""
    judgement, why = judge(scenario)
    assert judgement is Judgement.AGREES, "\n".join(why)


def test_a_difference_is_found_and_fails_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One event left out of a recording."""
    scenario = json.loads(json.dumps(next(one for one in SCENARIOS if one["recorded"]["steps"])))
    scenario["recorded"]["start"]["events"].pop()
    (tmp_path / "bent.jsonl").write_text(json.dumps(scenario), encoding="utf-8")
    assert main(str(tmp_path)) == 1
    assert capsys.readouterr().out.endswith("0 differ by a documented deviation, 1 differ\n")


def test_a_difference_is_excused_by_name_and_number_only() -> None:
    """Whatever a recording says of itself: the table has the name, the deviation and the reason."""
    scenario = next(one for one in SCENARIOS if one["recorded"]["steps"])
    assert deviation_of({**scenario, "version": "another OTP", "second_clock": True}) is None
    excused = deviation_of({"name": "f_edge_counts_in_whole_seconds"})
    assert excused is not None
    assert excused.startswith("D-")
