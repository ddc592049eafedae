"""How an actor starts: its init, what can go wrong there, its name, its kin."""

from __future__ import annotations

import math

import pytest
import trio

from actors.kernel.handle import Named
from actors.kernel.start import start, start_link
from supervisors.errors import StartError
from supervisors.exits import KILLED, TIMEOUT, AlreadyStarted, Failed
from supervisors.spec import IGNORE
from tests.support.script import Do, Scripted, Text, body_of, nap, world
from tests.support.tree import Boom, crash_of, quiet, virtual_time


def failing(_actor: object) -> None:
    """Raise in init."""
    raise Boom


@virtual_time
async def test_otp_137_a_started_actor_can_be_called() -> None:
    """Start waits until init has returned."""
    async with world() as w:
        began = trio.current_time()
        actor = await w.actor(init=nap(3))
        assert trio.current_time() - began == pytest.approx(3)
        assert await actor.call(Do(lambda actor: actor.value)) == 0


@virtual_time
async def test_otp_138_init_may_refuse_with_a_reason() -> None:
    """Start gives it as an error; there is no crash report."""
    async with world() as w:
        with pytest.raises(StartError) as caught:
            await w.actor(init=lambda actor: actor.stop(Failed("no licence")))
        assert caught.value.reason == Failed("no licence")
        assert not w.reports.events


@virtual_time
async def test_otp_139_an_exception_in_init_is_the_cause_of_the_error() -> None:
    """With its traceback."""
    async with world() as w:
        with pytest.raises(StartError) as caught:
            await w.actor(init=failing)
        assert crash_of(caught.value.reason) is caught.value.__cause__
        assert caught.value.__cause__.__traceback__ is not None


@virtual_time
async def test_otp_140_init_may_decline() -> None:
    """Start returns None, without error; nothing is left."""
    async with world() as w:
        assert await start(w.runtime, "a", lambda: Scripted([], init=lambda _: IGNORE)) is None
        assert not w.runtime.processes


@virtual_time
async def test_otp_141_a_failed_start_frees_the_name_before_it_is_told() -> None:
    """A thousand times on one name: never held; one time good at the end."""
    async with world() as w:
        reasons: list[object] = []
        outcomes = [failing, lambda actor: actor.stop(Failed("no")), lambda _: IGNORE]
        for round_ in range(1000):
            init = outcomes[round_ % 3]
            try:
                await start(
                    w.runtime, "a", lambda i=init: Scripted([], init=i, registered_name="desk")
                )
            except StartError as error:
                reasons.append(error.reason)
        assert not any(isinstance(reason, AlreadyStarted) for reason in reasons)
        await w.actor(registered_name="desk")


@virtual_time
async def test_otp_143_a_start_that_takes_too_long_is_killed() -> None:
    """At the limit, and the name is free."""
    async with world() as w:
        began = trio.current_time()
        with pytest.raises(StartError) as caught:
            await w.actor(init=nap(10), registered_name="desk", timeout=1.0)
        assert caught.value.reason == TIMEOUT
        assert trio.current_time() - began == pytest.approx(1)
        assert w.runtime.names.whereis("desk") is None
        assert not w.runtime.processes


@virtual_time
async def test_otp_144_a_held_name_refuses_the_start_before_init() -> None:
    """The error has the holder; the name leads to it."""
    async with world() as w:
        holder = await w.actor("holder", registered_name="desk")
        with pytest.raises(StartError) as caught:
            await w.actor("second", registered_name="desk")
        assert caught.value.reason == AlreadyStarted(holder.process)
        assert w.journal == ["init"]
        assert Named(w.runtime, "desk").process is holder.process


@virtual_time
async def test_otp_145_174_a_continue_runs_before_any_message_and_chains() -> None:
    """Also before messages that were queued while init ran."""
    async with world() as w:

        async def init(actor: Scripted) -> None:
            actor.continue_with("one")
            actor.continue_with(lambda again: again.continue_with("three"))
            await trio.sleep(1)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: w.actor(init=init, registered_name="desk"))
            await quiet()
            for text in ("a", "b", "c"):
                Named(w.runtime, "desk").cast(Text(text))
        await quiet()
        assert w.journal == ["init", "continue one", "continue three", "a", "b", "c"]


@virtual_time
async def test_otp_026_a_failed_start_leaves_no_message_with_the_starter() -> None:
    """Nor a link, nor a process."""
    async with world() as w:
        starter = await w.actor("starter")
        with pytest.raises(StartError):
            await start_link(starter.process, "a", lambda: Scripted([], init=failing))
        await start_link(starter.process, "a", lambda: Scripted([], init=lambda _: IGNORE))
        await quiet()
        assert body_of(starter).infos == []
        assert not starter.process.links
        assert starter.process.watched == 0


@virtual_time
async def test_otp_148_149_a_process_knows_its_ancestors_its_kind_and_its_label() -> None:
    """Parent first; the label shows in the crash report."""
    async with world() as w:
        grandparent = await w.plain("grandparent")
        parent = await w.linked(grandparent.process, "parent")
        child = await w.linked(parent.process, "child")
        assert child.process.ancestors == (parent.process, grandparent.process)
        assert child.process.initial_call == "Scripted"
        child.process.label = "the third of its kind"
        await child.stop(Failed("boom"), timeout=1)
        (report,) = w.reports.events
        assert (report.path, report.label) == ("child", "the third of its kind")
        assert report.ancestors == ("parent", "grandparent")


@virtual_time
async def test_a_process_killed_in_init_ends_as_killed() -> None:
    """And its start says so."""
    async with world() as w:

        async def kill() -> None:
            await trio.sleep(1)
            next(iter(w.runtime.processes)).kill()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(kill)
            with pytest.raises(StartError) as caught:
                await w.actor(init=nap(math.inf))
        assert caught.value.reason == KILLED
