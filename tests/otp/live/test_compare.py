"""Our runtime beside a real Erlang, where there is one, in scenarios nobody has seen before."""

from __future__ import annotations

import secrets
import sys

import pytest

from tests.otp.live import __main__ as command
from tests.otp.live.compare import compare
from tests.otp.live.erlang import compiled, installed
from tests.otp.live.generator import scenario
from tests.otp.live.processes import process_scenario

needs_erlang = pytest.mark.skipif(not installed(), reason="no erl and erlc here")

COUNT = 30


@needs_erlang
def test_fresh_scenarios_end_here_as_in_erlang() -> None:
    """Trees and processes; all but a few are recorded, and not one differs."""
    seed = secrets.randbelow(10**9)
    print(f"seed {seed}")
    seeds = range(seed, seed + COUNT)
    scenarios = [*map(scenario, seeds), *map(process_scenario, seeds)]
    with compiled() as erlang:
        found = compare(erlang, scenarios)
    assert found.differences == []
    assert sum(found.counts.values()) > COUNT


@needs_erlang
def test_the_command_ends_with_a_line_of_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Zero when nothing differs."""
    monkeypatch.setattr(sys, "argv", ["live", "play", "--scenarios", "2", "--seed", "1"])
    assert command.main() == 0
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first == "seed 1, 2 scenarios"
    assert last.startswith("2 agree, 0 differ by a documented deviation, 0 differ; 0 dropped, ")


def test_a_seed_makes_the_same_scenario_of_processes_each_time() -> None:
    """What a failing run prints is enough to see it again."""
    assert process_scenario(7) == process_scenario(7) != process_scenario(8)
