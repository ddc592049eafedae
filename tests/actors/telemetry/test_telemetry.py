"""Events become lines and figures, and the child that sees to it may die."""

from __future__ import annotations

import dataclasses
from typing import get_type_hints

import pytest
import structlog

from actors.domain import events
from actors.domain.errors import OperatorError
from actors.kernel.telemetry import Telemetry
from actors.telemetry.actor import telemetry_spec
from actors.telemetry.lines import name_of, write_line
from actors.telemetry.metrics import Metrics
from supervisors import events as tree
from supervisors.exits import KILLED, NORMAL, Crash, FailedToStart, Shutdown
from supervisors.spec import Restart
from tests.support.grown_actor import grown_actor

VALUES: dict[object, object] = {str: "text", int: 3, float: 1.23456789, bool: True}


def example(kind: type) -> object:
    """Make an event of any kind."""
    hints = get_type_hints(kind)
    return kind(*(VALUES.get(hints[field.name], "text") for field in dataclasses.fields(kind)))


def line_of(event: object) -> dict[str, object]:
    """Log an event and return its line."""
    with structlog.testing.capture_logs() as lines:
        write_line(event)
    (line,) = lines
    return dict(line)


@pytest.mark.parametrize("kind", events.EVENTS, ids=lambda kind: kind.__name__)
def test_every_event_has_a_line_with_its_fields(kind: type) -> None:
    """Under its own name; and is counted."""
    event = example(kind)
    line = line_of(event)
    assert line["event"] == name_of(event) == kind.name
    assert {field.name for field in dataclasses.fields(kind)} <= set(line)
    metrics = Metrics()
    metrics.count(event)
    assert f'expo_events_total{{event="{kind.name}"}} 1.0' in metrics.page().decode()


CRASH = Crash(ValueError("a bug"))
TOLD = Crash(OperatorError("the folder cannot be written"))


@pytest.mark.parametrize(
    ("event", "level", "traceback"),
    [
        (tree.ChildStarted("a", 1, 0.1), "debug", False),
        (tree.ChildStarted("a", 2, 0.1), "info", False),
        (tree.ChildTerminated("a", CRASH, Restart.PERMANENT, 1), "error", True),
        (tree.ChildTerminated("a", KILLED, Restart.PERMANENT, 1), "warning", False),
        (tree.ChildTerminated("a", NORMAL, Restart.PERMANENT, 1), "warning", False),
        (tree.ChildStartFailed("a", CRASH, during_restart=False), "error", True),
        (tree.ChildStartFailed("a", TOLD, during_restart=False), "debug", False),
        (tree.ChildStartFailed("a", TOLD, during_restart=True), "error", False),
        (
            tree.ChildStartFailed("b", Shutdown(FailedToStart("b/a", TOLD)), during_restart=False),
            "debug",
            False,
        ),
        (tree.RestartBudgetSpent("a", "b", 1, 5.0), "error", False),
        (tree.ZombieFound("a", 2.0), "error", False),
    ],
    ids=str,
)
def test_levels_of_what_happens_in_the_tree(
    event: object, level: str, *, traceback: bool, expect_errors: None
) -> None:
    """A bug comes with its traceback; what an operator can mend comes with its sentence only."""
    del expect_errors
    line = line_of(event)
    assert line["log_level"] == level
    assert ("exc_info" in line) == traceback


def test_figures_are_kept_by_route_kind_and_child() -> None:
    """And no label holds an id."""
    metrics = Metrics()
    metrics.count(events.RequestServed("GET", "GET /health", 200, 0.01))
    metrics.count(events.UploadStored("source", 1000, 0.5))
    metrics.count(events.BuildAssigned("build-1", "worker-1", 1, 2.0))
    metrics.count(events.ClaimRan(5, 3, 0.02))
    metrics.count(tree.ChildStarted("orchestration/recorder", 2, 0.1))
    metrics.count(tree.ChildStarted("uploads/upload_sink-1", 1, 0.1))
    page = metrics.page().decode()
    assert 'expo_http_requests_total{route="GET /health",status="200"} 1.0' in page
    assert 'expo_upload_bytes_total{kind="source"} 1000.0' in page
    assert "expo_build_wait_seconds_sum 2.0" in page
    assert "expo_claim_seconds_count 1.0" in page
    assert 'expo_child_starts_total{path="orchestration/recorder"} 1.0' in page
    for unwanted in ("upload_sink-1", "build-1", "worker-1"):
        assert unwanted not in page


async def test_the_child_attaches_and_detaches_its_handlers() -> None:
    """Events reach them while it lives, also in the next life, and not afterwards."""
    telemetry = Telemetry()
    seen: list[object] = []
    async with grown_actor(telemetry_spec(telemetry, {"seen": seen.append})) as child:
        telemetry.emit("first life")
        await child.kill()
        telemetry.emit("second life")
    telemetry.emit("afterwards")
    assert seen == ["first life", "second life"]
