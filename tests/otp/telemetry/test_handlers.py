"""Handlers: attached by id to events by kind or name, called in the emitter, harmless to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import pytest
from structlog.testing import capture_logs

from actors.kernel.telemetry import AlreadyExistsError, HandlerFailed, Telemetry


@dataclass(frozen=True, slots=True)
class Built:
    """An event with a dotted name."""

    name: ClassVar[str] = "build.done"


@dataclass(frozen=True, slots=True)
class Lost:
    """Another below the same first part."""

    name: ClassVar[str] = "build.lost"


@dataclass(frozen=True, slots=True)
class Builder:
    """One whose name merely begins with the same letters."""

    name: ClassVar[str] = "builder.born"


def fail(_event: object) -> None:
    """Raise."""
    raise ValueError("bad handler")


def test_otp_274_a_second_handler_with_the_same_id_is_refused() -> None:
    """The first stays attached, and the id is free again after its detach."""
    telemetry, first, second = Telemetry(), list[object](), list[object]()
    detach = telemetry.attach("one", first.append, Built)
    with pytest.raises(AlreadyExistsError):
        telemetry.attach("one", second.append, Built)
    telemetry.emit(Built())
    detach()
    telemetry.attach("one", second.append, Built)
    telemetry.emit(Built())
    assert (first, second) == ([Built()], [Built()])


def test_otp_274_a_handler_gets_the_events_it_was_attached_to() -> None:
    """By kind, by whole name, by the first parts of a name; several at once; none means all."""
    telemetry = Telemetry()
    got: dict[str, list[object]] = {}
    wanted = {
        "kind": (Built,),
        "name": ("build.lost",),
        "prefix": ("build",),
        "both": (Builder, "build.lost"),
        "every": (),
    }
    for handler_id, to in wanted.items():
        got[handler_id] = []
        telemetry.attach(handler_id, got[handler_id].append, *to)
    events = [Built(), Lost(), Builder()]
    for event in events:
        telemetry.emit(event)
    assert got == {
        "kind": [Built()],
        "name": [Lost()],
        "prefix": [Built(), Lost()],
        "both": [Lost(), Builder()],
        "every": events,
    }


def test_otp_275_handlers_run_in_the_emitter_before_emit_returns() -> None:
    """In the order in which they were attached."""
    telemetry, got = Telemetry(), list[str]()
    for handler_id in ("a", "b", "c"):
        telemetry.attach(handler_id, lambda _event, own=handler_id: got.append(own))
    telemetry.emit(Built())
    assert got == ["a", "b", "c"]


async def asleep(*_anything: object) -> None:
    """Would have to be awaited."""


class Asleep:
    """An object whose call would have to be awaited."""

    async def __call__(self, _event: object) -> None:
        """Be async."""


@pytest.mark.parametrize(
    "handler", [asleep, partial(asleep, 1), Asleep()], ids=["function", "partial", "object"]
)
def test_otp_275_an_async_handler_is_refused(handler: object) -> None:
    """The emitter would not await it."""
    telemetry = Telemetry()
    with pytest.raises(TypeError, match="async"):
        telemetry.attach("late", handler)
    assert telemetry.handlers() == []


def test_otp_276_a_raising_handler_is_taken_off_and_a_failure_event_says_so() -> None:
    """Once; the emitter and the other handlers go on; a handler of all is not told."""
    telemetry, good, failures = Telemetry(), list[object](), list[object]()
    telemetry.attach("bad", fail, Built)
    telemetry.attach("good", good.append)
    telemetry.attach("watch", failures.append, HandlerFailed)
    with capture_logs() as logs:
        telemetry.emit(Built())
        telemetry.emit(Built())
    assert good == [Built(), Built()]
    (failure,) = failures
    assert isinstance(failure, HandlerFailed)
    assert (failure.handler_id, failure.event, str(failure.error)) == (
        "bad",
        Built(),
        "bad handler",
    )
    assert failure.error.__traceback__ is not None
    assert [line["handler"] for line in logs] == ["bad"]
    assert [attached.handler_id for attached in telemetry.handlers()] == ["good", "watch"]


def test_otp_276_a_handler_of_failures_that_raises_is_taken_off_too() -> None:
    """Its failure goes to those that are left, and then it is quiet."""
    telemetry, failures = Telemetry(), list[object]()
    telemetry.attach("bad", fail, Built)
    telemetry.attach("worse", fail, "telemetry")
    telemetry.attach("watch", failures.append, "telemetry.handler_failed")
    with capture_logs():
        telemetry.emit(Built())
    assert {failure.handler_id for failure in failures} == {"bad", "worse"}
    assert [attached.handler_id for attached in telemetry.handlers()] == ["watch"]


def test_otp_276_a_handler_that_replaced_itself_before_it_raised_stays_replaced() -> None:
    """Only the life that raised is taken off."""
    telemetry, got = Telemetry(), list[object]()

    def replace(event: object) -> None:
        telemetry.detach("one")
        telemetry.attach("one", got.append)
        fail(event)

    telemetry.attach("one", replace)
    with capture_logs():
        telemetry.emit(Built())
    telemetry.emit(Lost())
    assert got == [Lost()]


def test_otp_278_handlers_are_listed_by_prefix_and_detached() -> None:
    """A prefix is whole parts of a name; detaching what is gone is no error."""
    telemetry = Telemetry()
    telemetry.attach("built", print, Built)
    telemetry.attach("lost", print, "build.lost")
    telemetry.attach("builder", print, Builder)
    telemetry.attach("every", print)

    def listed(prefix: str = "") -> list[str]:
        return [attached.handler_id for attached in telemetry.handlers(prefix)]

    assert listed() == ["built", "lost", "builder", "every"]
    assert listed("build") == ["built", "lost"]
    assert listed("build.lost") == ["lost"]
    telemetry.detach("lost")
    telemetry.detach("lost")
    assert listed("build") == ["built"]
