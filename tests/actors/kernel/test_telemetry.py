"""Telemetry: handlers by id, called in the emitter, taken off when they raise."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from actors.kernel.telemetry import Telemetry


def bad(_event: object) -> None:
    """Raise."""
    raise ValueError("bad handler")


def test_every_handler_gets_every_event_in_order() -> None:
    """In the order in which they were attached."""
    telemetry, got = Telemetry(), list[tuple[str, object]]()
    telemetry.attach("a", lambda event: got.append(("a", event)))
    telemetry.attach("b", lambda event: got.append(("b", event)))
    telemetry.emit(1)
    telemetry.emit(2)
    assert got == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]


def test_handler_that_raises_is_taken_off_logged_once_and_hurts_nobody() -> None:
    """The emitter goes on, the other handlers still get the event."""
    telemetry, got = Telemetry(), list[object]()
    telemetry.attach("bad", bad)
    telemetry.attach("good", got.append)
    with capture_logs() as logs:
        telemetry.emit(1)
        telemetry.emit(2)
    assert got == [1, 2]
    assert [(line["event"], line["handler"]) for line in logs] == [
        ("telemetry.handler_detached", "bad")
    ]


def test_taken_id_is_refused_and_free_after_detach() -> None:
    """The second detach of one handler is no error."""
    telemetry, got = Telemetry(), list[object]()
    detach = telemetry.attach("a", got.append)
    with pytest.raises(KeyError):
        telemetry.attach("a", got.append)
    detach()
    detach()
    telemetry.emit(1)
    telemetry.attach("a", got.append)
    telemetry.emit(2)
    assert got == [2]


def test_handler_may_detach_itself_while_it_runs() -> None:
    """The others are not skipped by that."""
    telemetry, got = Telemetry(), list[object]()

    def once(event: object) -> None:
        telemetry.detach("once")
        got.append(event)

    telemetry.attach("once", once)
    telemetry.attach("after", got.append)
    telemetry.emit(1)
    telemetry.emit(2)
    assert got == [1, 1, 2]
