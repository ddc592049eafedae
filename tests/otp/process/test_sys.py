"""System messages: state, suspension, debug functions, of actors and supervisors alike."""

from __future__ import annotations

import pytest
import trio

from actors.kernel import sys
from actors.kernel.errors import CallTimeoutError
from actors.kernel.sys import SystemTimeoutError
from supervisors.debug import DebugEvent, Happening
from supervisors.exits import SHUTDOWN, Shutdown
from supervisors.supervisor import Supervisor, supervisor
from tests.support.script import Do, DoLater, Mute, Text, body_of, nap, world
from tests.support.tree import Boom, Probe, grown, quiet, virtual_time


@virtual_time
async def test_otp_255_get_state_is_answered_between_two_messages() -> None:
    """A busy handler is waited for, and the value is the one it left."""
    async with world() as w:
        actor = await w.actor(value=1)

        async def slowly(body: Mute) -> None:
            body.value = 2
            await trio.sleep(3)
            body.value = 3

        actor.cast(DoLater(slowly))
        await quiet()
        began = trio.current_time()
        state = await sys.get_state(actor)
        assert state["value"] == 3
        assert trio.current_time() - began == pytest.approx(3)


@virtual_time
async def test_otp_256_replace_state_is_all_or_nothing() -> None:
    """A function that raises leaves the state, and its error goes to whoever asked."""
    async with world() as w:
        actor = await w.actor(value=1)
        state = await sys.replace_state(actor, lambda state: {**state, "value": 5})
        assert state["value"] == 5

        def broken(_state: object) -> object:
            raise Boom

        with pytest.raises(Boom):
            await sys.replace_state(actor, broken)
        with pytest.raises(ValueError, match="mailbox"):
            await sys.replace_state(actor, lambda _: {"value": 9, "mailbox": None})
        assert await actor.call(Do(lambda body: body.value)) == 5


@virtual_time
async def test_otp_257_258_a_suspended_actor_serves_only_system_messages_and_its_parent() -> None:
    """Others pile up and go on in order; callers run into their limit; a stop works."""
    async with world() as w:
        parent = await w.plain("parent")
        actor = await w.linked(parent.process, "child")
        for _ in range(2):
            await sys.suspend(actor)
        for text in "abc":
            actor.cast(Text(text))
        await quiet()
        assert len(body_of(actor).mailbox) == 3
        with pytest.raises(CallTimeoutError):
            await actor.call(Do(lambda: 1))
        await sys.resume(actor)
        await quiet()
        assert w.journal == ["init", "a", "b", "c"]
        await sys.suspend(actor)
        actor.process.shutdown()
        assert await actor.process.join() == SHUTDOWN
        assert w.journal[-1] == "terminate shutdown"


@virtual_time
async def test_otp_185_259_status_tells_what_it_is_and_keeps_its_secrets() -> None:
    """Module, parent, suspended or not, debug options, state redacted; so does the log."""

    class Discreet(Mute):
        def redact(self, value: object) -> object:
            return "*" * 3 if value is not None else value

    async with world() as w:
        actor = await w.actor(kind=Discreet, secret="hunter2")  # noqa: S106 - what must not show
        await sys.log(actor)
        await sys.suspend(actor)
        status = await sys.get_status(actor)
        assert status == {
            "module": "Discreet",
            "parent": None,
            "suspended": True,
            "debug": ("log",),
            "state": "***",
        }
        await sys.resume(actor)
        actor.cast(Text("hunter2"))
        await quiet()
        assert {event.value for event in await sys.get_log(actor)} == {"***"}
        actor.cast(DoLater(lambda: 1 / 0))
        await actor.process.join()
        assert "hunter2" not in repr(w.reports.events)


@virtual_time
async def test_otp_260_log_keeps_the_last_events() -> None:
    """Ten by default; it can be read, and switched off."""
    async with world() as w:
        actor = await w.actor()
        await sys.log(actor)
        for number in range(15):
            actor.cast(Text(str(number)))
        await quiet()
        log = await sys.get_log(actor)
        assert [event.value for event in log if event.what is Happening.IN] == [
            Text(str(number)) for number in range(10, 15)
        ]
        assert len(log) == 10
        await sys.log(actor, size=0)
        assert await sys.get_log(actor) == []


@virtual_time
async def test_otp_261_188_trace_tells_each_in_out_and_change_of_state() -> None:
    """One line each while it is on; the loop holds nothing when it is off."""
    async with world() as w:
        actor, lines = await w.actor(), []
        await sys.trace(actor, lines.append)
        await actor.call(Do(len_of_nothing))
        await quiet()
        assert [line.split()[0] for line in lines] == ["in", "out", "state"]
        assert lines[1] == "out 0"
        await sys.trace(actor, None)
        assert body_of(actor).debug is None
        await actor.call(Do(len_of_nothing))
        assert len(lines) == 3


def len_of_nothing() -> int:
    """Return a short answer."""
    return 0


@virtual_time
async def test_otp_262_statistics_count_since_switched_on() -> None:
    """Start, present, messages in and out, handler steps."""
    async with world() as w:
        actor = await w.actor()
        await actor.call(Do(len_of_nothing))
        await sys.statistics(actor, on=True)
        began = trio.current_time()
        for _ in range(3):
            await actor.call(Do(len_of_nothing))
        actor.cast(Text("x"))
        await trio.sleep(2)
        counted = await sys.get_statistics(actor)
        assert counted is not None
        assert (counted.messages_in, counted.messages_out, counted.steps) == (4, 3, 4)
        assert (counted.started_at, counted.now) == (began, began + 2)
        await sys.statistics(actor, on=False)
        assert await sys.get_statistics(actor) is None


@virtual_time
async def test_otp_263_264_own_debug_functions_keep_state_and_one_that_raises_is_removed() -> None:
    """The actor is not hurt; all can be removed at once."""
    async with world() as w:
        actor, seen = await w.actor(), []

        def count(state: int, event: DebugEvent) -> int:
            seen.append((state, event.what))
            return state + 1

        def broken(_state: object, _event: DebugEvent) -> object:
            raise Boom

        await sys.install(actor, "count", count, 0)
        await sys.install(actor, "broken", broken)
        await sys.trace(actor, broken)  # one more that raises: it takes no such arguments
        actor.cast(Text("x"))
        await quiet()
        assert seen == [(0, Happening.IN), (1, Happening.STATE)]
        assert (await sys.get_status(actor))["debug"] == ("count",)
        await sys.remove(actor, "count")
        await sys.log(actor)
        await sys.statistics(actor, on=True)
        await sys.no_debug(actor)
        assert (await sys.get_status(actor))["debug"] == ()


@virtual_time
async def test_otp_265_terminate_ends_the_actor_through_its_cleanup() -> None:
    """With the given reason."""
    async with world() as w:
        actor = await w.actor()
        await sys.terminate(actor, Shutdown("enough"))
        assert await actor.process.join() == Shutdown("enough")
        assert w.journal == ["init", "terminate shutdown: enough"]


@virtual_time
async def test_otp_267_all_of_it_works_on_supervisors() -> None:
    """A suspended one restarts nothing until it is resumed; its state cannot be replaced."""
    probe = Probe("a", [])
    inner = supervisor("inner", [probe.spec()])
    async with grown(supervisor("root", [inner])) as tree:
        process = tree.sup("inner").process
        assert process is not None
        assert [child.id for child in await sys.get_state(process)] == ["a"]
        assert (await sys.get_status(process))["module"] == Supervisor.__name__
        with pytest.raises(TypeError):
            await sys.replace_state(process, lambda _: [])
        await sys.log(process)
        await sys.suspend(process)
        probe.crash()
        await quiet()
        assert probe.starts == 1
        await sys.resume(process)
        await quiet()
        assert probe.starts == 2
        assert len(await sys.get_log(process)) > 0
        await sys.terminate(process, Shutdown("maintenance"))
        assert await process.join() == Shutdown("maintenance")


@virtual_time
async def test_otp_268_system_messages_wait_in_the_same_queue() -> None:
    """Asked while stuck in a message, an actor does not answer in time."""
    async with world() as w:
        actor = await w.actor()
        actor.cast(DoLater(nap(60)))
        await quiet()
        began = trio.current_time()
        with pytest.raises(SystemTimeoutError):
            await sys.get_state(actor)
        assert trio.current_time() - began == pytest.approx(5)
