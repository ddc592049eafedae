"""handle_idle: where a batch is acted on, and the clock that wakes an idle actor."""

from __future__ import annotations

import math

import pytest
import trio

from supervisors.events import ChildTerminated
from supervisors.exits import NORMAL
from tests.support.actors import EchoActor, Note, Say, Stage
from tests.support.tree import Boom, crash_of, grown, quiet, virtual_time


@virtual_time
async def test_idle_runs_once_for_all_that_was_waiting() -> None:
    """What gathers while a batch is in work makes the next one."""
    stage = Stage()
    batches: list[list[str]] = []
    seen = 1

    async def idle(_actor: EchoActor) -> None:
        nonlocal seen
        fresh, seen = stage.journal[seen:], len(stage.journal)
        if fresh:
            batches.append(fresh)
            await trio.sleep(1)

    stage.idle = idle
    async with grown(stage.spec()):
        await quiet()
        for text in "abc":
            stage.ref.cast(Note(text))
        await quiet()
        for text in "defg":
            stage.ref.cast(Note(text))
        await trio.sleep(5)
        assert batches == [["a", "b", "c"], ["d", "e", "f", "g"]]


@virtual_time
async def test_lone_message_does_not_wait_for_company() -> None:
    """The batch of one is acted on at once."""
    stage = Stage()
    times: list[float] = []

    async def idle(_actor: EchoActor) -> None:
        times.append(trio.current_time())

    stage.idle = idle
    async with grown(stage.spec()):
        await trio.sleep(3)
        times.clear()
        began = trio.current_time()
        await stage.ref.call(Say("one"))
        await quiet()
        assert times == [began]


@virtual_time
async def test_wake_at_runs_idle_when_the_clock_passes_it() -> None:
    """At the very time, once, and again as often as it is set anew."""
    stage = Stage()
    times: list[float] = []
    began = trio.current_time()

    async def idle(actor: EchoActor) -> None:
        times.append(trio.current_time() - began)
        actor.wake_at = trio.current_time() + 2 if len(times) < 4 else math.inf

    stage.idle = idle
    async with grown(stage.spec()):
        await trio.sleep(60)
        assert times == pytest.approx([0, 2, 4, 6])


@virtual_time
async def test_message_before_wake_at_is_served_and_the_time_is_kept() -> None:
    """A message runs idle too, which may leave `wake_at` as it is."""
    stage = Stage()
    times: list[float] = []
    began = trio.current_time()

    async def idle(actor: EchoActor) -> None:
        now = trio.current_time() - began
        times.append(now)
        actor.wake_at = began + 5 if now < 5 else math.inf

    stage.idle = idle
    async with grown(stage.spec()):
        await trio.sleep(3)
        stage.ref.cast(Note("x"))
        await trio.sleep(30)
        assert times == pytest.approx([0, 3, 5])
        assert stage.journal == ["init", "x"]


@virtual_time
async def test_idle_that_stops_the_actor_ends_it() -> None:
    """Through `terminate`, without waiting for another message."""
    stage = Stage()

    async def idle(actor: EchoActor) -> None:
        actor.stop(NORMAL)

    stage.idle = idle
    async with grown(stage.spec()) as tree:
        event = await tree.reports.seen(ChildTerminated, "echo")
        assert event.reason == NORMAL
        assert stage.journal[:4] == ["init", "terminate normal", "terminated", "close"]
        stage.idle = _nothing


async def _nothing(_actor: EchoActor) -> None:
    pass


@virtual_time
async def test_idle_that_raises_crashes_the_actor() -> None:
    """Like any callback."""
    stage = Stage()

    async def idle(_actor: EchoActor) -> None:
        stage.idle = _nothing
        raise Boom

    stage.idle = idle
    async with grown(stage.spec()) as tree:
        event = await tree.reports.seen(ChildTerminated, "echo")
        assert isinstance(crash_of(event.reason), Boom)
        assert await stage.ref.call_again(Say("back")) == "back"
