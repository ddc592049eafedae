"""The flight recorder: what an actor did last, over its lives, and in the report of its crash."""

from __future__ import annotations

import pytest
import trio

from actors.kernel.errors import CallExitError
from actors.kernel.flight import flight_of
from supervisors.events import ProcessCrashed
from tests.support.actors import Fail, Note, Say, Stage
from tests.support.script import Do, Text, nap, world
from tests.support.tree import Boom, grown, quiet, virtual_time


@virtual_time
async def test_the_recorder_keeps_the_latest_messages_by_kind_with_durations() -> None:
    """So many and no more, oldest first."""
    async with world() as w:
        actor = await w.actor()
        assert flight_of(actor) == ()
        for _ in range(20):
            actor.cast(Text("x"))
        await actor.call(Do(lambda: 1))
        flown = flight_of(actor)
        assert [one.kind for one in flown] == [*["Text"] * 15, "Do"]
        assert all(one.seconds is None or one.seconds >= 0 for one in flown)
        agos = [one.ago for one in flown]
        assert agos == sorted(agos, reverse=True)


@virtual_time
async def test_the_recorder_survives_the_restart_and_is_in_the_crash_report() -> None:
    """The message that was the last shows as not ended, in both."""
    stage = Stage()
    async with grown(stage.spec()) as tree:
        await stage.ref.call(Say("one"))
        with pytest.raises(CallExitError):
            await stage.ref.call(Fail(Boom()))
        await quiet()
        (crash,) = tree.reports.of(ProcessCrashed)
        assert [line.split(":")[0] for line in crash.flight] == ["#1 Say", "#1 Fail"]
        assert "not ended" in crash.flight[-1]
        stage.ref.cast(Note("two"))
        await quiet()
        assert [(one.generation, one.kind) for one in flight_of(stage.ref)] == [
            (1, "Say"),
            (1, "Fail"),
            (2, "Note"),
        ]


@virtual_time
async def test_the_message_in_hand_is_seen_while_it_lasts() -> None:
    """Of an actor that hangs, too."""
    async with world() as w:
        actor = await w.actor()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(actor.call, Do(nap(1)))
            await quiet()
            assert [(one.kind, one.seconds) for one in flight_of(actor)] == [("Do", None)]
