"""Recording on a real Erlang, where there is one."""

from __future__ import annotations

import secrets
import sys
from typing import TYPE_CHECKING

import pytest

from tests.otp.live import __main__ as command
from tests.otp.live.agree import disagreements
from tests.otp.live.erlang import compiled, installed
from tests.otp.live.generator import scenario
from tests.otp.live.recorder import record

if TYPE_CHECKING:
    from pathlib import Path

    from tests.otp.live.shape import Json

needs_erlang = pytest.mark.skipif(not installed(), reason="no erl and erlc here")

_TREE = {
    "id": "root",
    "sup": {"strategy": "one_for_one", "intensity": 1, "period": 30},
    "children": [{"id": "a"}],
}
_CRASH = {"do": "exit", "path": "root/a", "how": "stop", "reason": {"crash": "boom"}}


def _journal(*steps: Json, **fields: Json) -> Json:
    return {"name": "one", "kind": "random", "tree": _TREE, "steps": list(steps)} | fields


@needs_erlang
def test_a_crash_is_recorded_as_the_format_says() -> None:
    """Events, report, crash and snapshot of the simplest restart."""
    with compiled() as erlang:
        [recorded] = erlang.play([(_journal(_CRASH), False)])
    [step] = recorded["steps"]
    ended = {"path": "root/a", "n": 1, "reason": {"crash": "boom"}}
    assert step["events"] == [
        {"ev": "terminate"} | ended,
        {"ev": "exit"} | ended,
        {"ev": "init", "path": "root/a", "n": 2, "outcome": "ok"},
    ]
    assert step["reports"] == [
        {"context": "child_terminated", "sup": "root", "id": "a", "reason": {"crash": "boom"}}
    ]
    assert step["crashes"] == [ended]
    assert step["snapshot"]["starts"] == {"root": 1, "root/a": 2}
    assert step["snapshot"]["sups"]["root"]["children"] == [["a", "running", "worker"]]


@needs_erlang
def test_a_scenario_that_cannot_be_played_fails_alone() -> None:
    """A step nobody knows fails its own scenario; the others are recorded."""
    wrong = _journal({"do": "dance"})
    with compiled() as erlang:
        failed, recorded = erlang.play([(wrong, False), (_journal(_CRASH), True)])
    assert "failed" in failed
    assert disagreements(recorded, failed)
    assert "steps" in recorded


@needs_erlang
def test_steps_at_which_nothing_can_happen_are_left_out() -> None:
    """After the end of the tree one step more is kept, and no burst."""
    burst = {"do": "burst", "hold": ["root"], "items": [_CRASH]}
    with compiled() as erlang:
        harvest = record(erlang, [_journal(_CRASH, _CRASH, _CRASH, burst, _CRASH)])
    [kept] = harvest.kept
    assert kept["steps"] == [_CRASH] * 3
    assert kept["recorded"]["steps"][2]["result"] == "not_running"


@needs_erlang
def test_kept_recordings_agree_with_one_more() -> None:
    """Almost all is kept, and holds in another shaken run."""
    seed = secrets.randbelow(10**9)
    print(f"seed {seed}")
    with compiled() as erlang:
        harvest = record(erlang, [scenario(seed + at) for at in range(40)])
        again = erlang.play([(one, True) for one in harvest.kept])
    assert len(harvest.kept) + len(harvest.dropped) == 40
    assert len(harvest.kept) > 30
    wrong = [
        (one["name"], found)
        for one, run in zip(harvest.kept, again, strict=True)
        if (found := disagreements(one["recorded"], run))
    ]
    assert len(wrong) <= 1, wrong  # an open order may have kept one face until now


def test_without_erlang_the_command_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Skipped is no failure, unless Erlang is required."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for more, code in ([], 0), (["--require"], 1):
        monkeypatch.setattr(sys, "argv", ["live", "--out", str(tmp_path), *more])
        assert command.main() == code
        assert "skipped: no erl" in capsys.readouterr().out
