"""Links and exit signals: who goes with whom, and what can be refused."""

from __future__ import annotations

from itertools import pairwise

import pytest

from actors.kernel.errors import NoProcError
from actors.kernel.messages import ExitMessage
from supervisors.exits import KILL, KILLED, NOPROC, NORMAL, SHUTDOWN, Crash, Failed, Shutdown
from tests.support.script import Text, body_of, world
from tests.support.tree import Boom, quiet, virtual_time


@virtual_time
async def test_otp_189_a_link_is_one_for_both_sides_however_often_it_is_made() -> None:
    """Linked twice, unlinked once by the other side: the crash reaches nobody."""
    async with world() as w:
        a, b = await w.plain("a"), await w.plain("b")
        a.link(b.process)
        b.link(a.process)
        assert list(a.process.links) == [b.process]
        b.unlink(a.process)
        a.process.signal(Failed("boom"))
        await quiet()
        assert b.process.is_alive


@virtual_time
async def test_otp_190_a_normal_end_leaves_linked_peers_alive() -> None:
    """And the link is gone on both sides."""
    async with world() as w:
        a, b = await w.actor("a"), await w.plain("b")
        b.link(a)
        await a.stop()
        assert b.process.is_alive
        assert not b.process.links


@virtual_time
@pytest.mark.parametrize("reason", [SHUTDOWN, Shutdown("x"), Failed("boom"), KILLED])
async def test_otp_191_any_other_end_goes_on_through_all_links(reason: object) -> None:
    """Shutdown included, with the same reason everywhere."""
    async with world() as w:
        chain = [await w.plain(name) for name in "abcd"]
        for one, other in pairwise(chain):
            one.link(other.process)
        chain[0].process.signal(reason)
        await quiet()
        assert [one.process.exit for one in chain] == [reason] * 4


@virtual_time
async def test_otp_192_a_trapping_process_gets_a_message_in_place_of_the_end() -> None:
    """Also for a normal end; the chain stops there."""
    async with world() as w:
        a, c = await w.plain("a"), await w.plain("c")
        b, trapper = await w.actor("b"), await w.actor("t")
        body = body_of(trapper)
        body.link(a.process)
        body.link(b)
        body.link(c.process)
        a.process.signal(SHUTDOWN)
        await quiet()
        await b.stop(NORMAL)
        await quiet()
        assert body.infos == [ExitMessage(a.process, SHUTDOWN), ExitMessage(b.process, NORMAL)]
        assert c.process.is_alive


@virtual_time
async def test_otp_193_an_exit_signal_ends_the_target_and_not_the_sender() -> None:
    """Normal from another process is ignored by who does not trap, and told to who does."""
    async with world() as w:
        sender, target, trapper = await w.plain("s"), await w.plain("t"), await w.actor("trapper")
        for peer in (target.process, trapper.process):
            peer.signal(NORMAL, sender.process)
        await quiet()
        assert target.process.is_alive
        assert body_of(trapper).infos == [ExitMessage(sender.process, NORMAL)]
        target.process.signal(Failed("boom"), sender.process)
        await quiet()
        assert target.process.exit == Failed("boom")
        assert sender.process.is_alive


@virtual_time
async def test_otp_194_the_kill_signal_cannot_be_trapped() -> None:
    """The target ends as killed, without terminate."""
    async with world() as w:
        trapper = await w.actor()
        trapper.process.signal(KILL)
        assert await trapper.process.join() == KILLED
        assert w.journal == ["init"]


@virtual_time
@pytest.mark.parametrize("word", [KILL, KILLED])
async def test_otp_195_the_same_words_by_a_link_are_words_like_any_other(word: object) -> None:
    """A trapping peer of one that ended itself with `kill`, or was killed, lives."""
    async with world() as w:
        trapper, peer = await w.actor("t"), await w.actor("p")
        body_of(trapper).link(peer)
        if word == KILL:
            await peer.stop(KILL)
        else:
            peer.process.kill()
        await quiet()
        assert body_of(trapper).infos == [ExitMessage(peer.process, word)]
        assert trapper.process.is_alive


@virtual_time
async def test_otp_196_linking_to_the_dead_is_told_or_raised() -> None:
    """To a trapping process as a message, to another as an error that it may catch."""
    async with world() as w:
        dead, trapper, other = await w.actor("dead"), await w.actor("t"), await w.plain("o")
        await dead.stop()
        body_of(trapper).link(dead)
        with pytest.raises(NoProcError):
            other.link(dead)
        await quiet()
        assert body_of(trapper).infos == [ExitMessage(dead.process, NOPROC)]
        assert other.process.is_alive


@virtual_time
async def test_otp_147_204_the_parents_exit_ends_even_who_traps() -> None:
    """Through terminate, with the parent's reason, past handle_info; others' exits reach it."""
    async with world() as w:
        parent, peer = await w.plain("parent"), await w.plain("peer")
        child = await w.linked(parent.process, "child")
        mute = await w.linked(parent.process, "not trapping", trap_exits=False)
        body_of(child).link(peer.process)
        peer.process.signal(Failed("peer"))
        await quiet()
        assert body_of(child).infos == [ExitMessage(peer.process, Failed("peer"))]
        parent.process.signal(Failed("parent"))
        await quiet()
        assert child.process.exit == mute.process.exit == Failed("parent")
        assert w.journal == ["init", "init", "ExitMessage", "terminate failed: parent"]


@virtual_time
async def test_otp_083_a_stop_runs_terminate_only_in_who_traps() -> None:
    """The reason that terminate sees is shutdown."""
    async with world() as w:
        parent = await w.plain("parent")
        trapping = await w.linked(parent.process, "trapping")
        mute = await w.linked(parent.process, "mute", trap_exits=False)
        for one in (trapping, mute):
            one.process.shutdown()
            assert await one.process.join() == SHUTDOWN
        assert w.journal == ["init", "init", "terminate shutdown"]


@virtual_time
async def test_an_exit_message_that_waits_is_dropped_by_unlink() -> None:
    """After it, nothing more is heard of the peer."""
    async with world() as w:
        actor, peer = await w.actor(), await w.plain("peer")
        body_of(actor).link(peer.process)
        peer.process.signal(Crash(Boom()))
        actor.cast(Text("later"))
        while peer.process.is_alive:
            await peer.process.join()
        body_of(actor).unlink(peer.process)
        await quiet()
        assert not peer.process.links
