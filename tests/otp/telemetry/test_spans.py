"""Spans: a start, then a stop or an exception, tied together and measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import trio

from actors.kernel.span import SpanEvent, SpanFailed, SpanStarted, SpanStopped
from actors.kernel.telemetry import Telemetry, event_name
from tests.support.tree import virtual_time


def watched(*to: str, clock: Callable[[], float] = trio.current_time) -> tuple[Telemetry, list]:
    """Make a telemetry with one handler; return it and what the handler gets."""
    telemetry, got = Telemetry(clock), []
    telemetry.attach("watch", got.append, *to)
    return telemetry, got


@virtual_time
async def test_otp_277_a_span_gives_start_and_stop_with_its_duration() -> None:
    """Context and metadata are in both; what the work adds is in the stop."""
    telemetry, got = watched()
    began = trio.current_time()
    with telemetry.span("db.query", table="builds") as span:
        await trio.sleep(3)
        span.metadata["rows"] = 7
    assert [event_name(event) for event in got] == ["db.query.start", "db.query.stop"]
    start, stop = got
    assert start == SpanStarted("db.query", span.context, {"table": "builds"}, began)
    assert stop == SpanStopped("db.query", span.context, {"table": "builds", "rows": 7}, 3.0)


@virtual_time
async def test_otp_277_a_span_that_raises_gives_an_exception_and_goes_on_raising() -> None:
    """Kind, reason and stack are in the event."""
    telemetry, got = watched()

    async def work() -> None:
        with telemetry.span("db.query"):
            await trio.sleep(2)
            raise ValueError("no rows")

    with pytest.raises(ValueError, match="no rows"):
        await work()
    start, failed = got
    assert isinstance(start, SpanStarted)
    assert isinstance(failed, SpanFailed)
    assert (failed.seconds, failed.kind) == (2.0, "error")
    assert failed.context is start.context
    assert str(failed.reason) == "no rows"
    assert failed.reason.__traceback__ is not None


@virtual_time
async def test_otp_277_a_cancelled_span_is_an_exception_of_its_own_kind() -> None:
    """Being cancelled is no error; and it goes on, too."""
    telemetry, got = watched()
    with trio.move_on_after(1) as scope, telemetry.span("slow"):
        await trio.sleep_forever()
    assert scope.cancelled_caught
    assert [(event.phase, getattr(event, "kind", "")) for event in got] == [
        ("start", ""),
        ("exception", "cancelled"),
    ]


def test_otp_277_an_exit_of_the_program_is_told_from_an_error() -> None:
    """Ctrl-C in the work."""
    telemetry, got = watched(clock=lambda: 0.0)
    with pytest.raises(KeyboardInterrupt), telemetry.span("work"):
        raise KeyboardInterrupt
    assert got[-1].kind == "exit"


def test_otp_277_spans_in_each_other_have_contexts_of_their_own() -> None:
    """The inner one ends first."""
    telemetry, got = watched(clock=lambda: 0.0)
    with telemetry.span("outer"), telemetry.span("outer"):
        pass
    contexts = [event.context for event in got]
    assert contexts[0] is contexts[3]
    assert contexts[1] is contexts[2]
    assert contexts[0] is not contexts[1]


@dataclass(frozen=True, slots=True)
class Other:
    """No span."""


def test_otp_277_spans_are_attached_to_by_name_prefix_and_kind() -> None:
    """One phase of one span, all of one span, all spans."""
    telemetry = Telemetry(lambda: 0.0)
    wanted = {"phase": ("db.query.stop",), "span": ("db.query",), "all": (SpanEvent,)}
    got: dict[str, list[object]] = {handler_id: [] for handler_id in wanted}
    for handler_id, to in wanted.items():
        telemetry.attach(handler_id, got[handler_id].append, *to)
    for name in ("db.query", "db.commit"):
        with telemetry.span(name):
            pass
    telemetry.emit(Other())
    assert {
        handler_id: [event_name(event) for event in events] for handler_id, events in got.items()
    } == {
        "phase": ["db.query.stop"],
        "span": ["db.query.start", "db.query.stop"],
        "all": ["db.query.start", "db.query.stop", "db.commit.start", "db.commit.stop"],
    }
