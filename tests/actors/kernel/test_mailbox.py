"""The mailbox: order, bound, backpressure, stop requests, and what becomes of it at the end."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from actors.kernel.errors import MailboxFullError, NoProcError
from actors.kernel.mailbox import Envelope, Mailbox, StopRequest
from supervisors.exits import SHUTDOWN
from tests.support.actors import Note, Say, Stage
from tests.support.tree import grown, quiet, virtual_time


def text_of(item: Envelope | StopRequest | None) -> object:
    """Return the message of an envelope."""
    assert isinstance(item, Envelope)
    return item.message


@virtual_time
async def test_producers_wait_for_room_and_lose_nothing() -> None:
    """Three producers at a mailbox of two: every message arrives, each producer's in order."""
    box = Mailbox(2)

    async def produce(name: str) -> None:
        for number in range(10):
            await box.put_when_room((name, number))
            assert len(box) <= 2

    got: list[tuple[str, int]] = []
    async with trio.open_nursery() as nursery:
        for name in "abc":
            nursery.start_soon(produce, name)
        while len(got) < 30:
            got.append(text_of(await box.get()))
    for name in "abc":
        assert [number for who, number in got if who == name] == list(range(10))
    assert (box.peak, box.refused) == (2, 0)


@virtual_time
async def test_room_of_a_cancelled_producer_goes_to_the_next() -> None:
    """Cancelled in the very tick in which it was woken, it does not take the room along."""
    box = Mailbox(1)
    box.put("first")
    scope = trio.CancelScope()

    async def cancelled() -> None:
        with scope:
            await box.put_when_room("cancelled")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(cancelled)
        await quiet()
        nursery.start_soon(box.put_when_room, "patient")
        await quiet()
        assert text_of(box.get_nowait()) == "first"
        scope.cancel()
        got = [text_of(await box.get())]
        if got == ["cancelled"]:  # it used its room before the cancel reached it
            got.append(text_of(await box.get()))
        assert got[-1] == "patient"


@virtual_time
async def test_producer_whose_room_was_taken_by_a_put_waits_on() -> None:
    """It never sees a full mailbox as an error."""
    box = Mailbox(1)
    box.put("first")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(box.put_when_room, "patient")
        await quiet()
        box.get_nowait()
        box.put("quick")
        await quiet()
        assert text_of(await box.get()) == "quick"
        assert text_of(await box.get()) == "patient"


@virtual_time
async def test_full_mailbox_refuses_but_takes_a_stop_request() -> None:
    """The stop stands behind what was sent before it."""
    box = Mailbox(1)
    box.put("first")
    with pytest.raises(MailboxFullError):
        box.put("second")
    box.put_stop(SHUTDOWN)
    assert (len(box), box.refused) == (1, 1)
    assert text_of(box.get_nowait()) == "first"
    assert box.get_nowait() == StopRequest(SHUTDOWN)
    assert box.get_nowait() is None


@virtual_time
async def test_closed_mailbox_returns_the_rest_and_turns_producers_away() -> None:
    """Those who wait for room learn of it too."""
    box = Mailbox(2)
    turned_away: list[str] = []

    async def produce(name: str) -> None:
        try:
            await box.put_when_room(name)
        except NoProcError:
            turned_away.append(name)

    box.put("one")
    box.put("two")
    box.put_stop(SHUTDOWN)
    async with trio.open_nursery() as nursery:
        for number in range(5):  # more than there are messages to take out
            nursery.start_soon(produce, str(number))
        await quiet()
        assert [envelope.message for envelope in box.close()] == ["one", "two"]
    assert sorted(turned_away) == [*"01234"]
    with pytest.raises(NoProcError):
        box.put("late")
    box.put_stop(SHUTDOWN)  # nobody reads it; no error


@virtual_time
async def test_oldest_age_is_the_wait_of_the_first() -> None:
    """On the trio clock; zero when nothing waits."""
    box = Mailbox(10)
    assert box.oldest_age() == 0.0
    box.put("one")
    await trio.sleep(2)
    box.put("two")
    assert box.oldest_age() == pytest.approx(2)
    box.get_nowait()
    assert box.oldest_age() == 0.0


@given(
    capacity=st.integers(1, 4),
    steps=st.lists(st.sampled_from(["put", "stop", "get"]), max_size=40),
)
def test_mailbox_behaves_like_a_bounded_list(capacity: int, steps: list[str]) -> None:
    """Whatever the order of puts, stops and gets."""

    async def check() -> None:
        box = Mailbox(capacity)
        model: list[int | str] = []
        for number, step in enumerate(steps):
            if step == "get":
                item = box.get_nowait()
                expected = model.pop(0) if model else None
                got = item.message if isinstance(item, Envelope) else item and "stop"
                assert got == expected
            elif step == "stop":
                box.put_stop(SHUTDOWN)
                model.append("stop")
            elif sum(one != "stop" for one in model) < capacity:
                box.put(number)
                model.append(number)
            else:
                with pytest.raises(MailboxFullError):
                    box.put(number)
            assert len(box) == sum(one != "stop" for one in model)

    trio.run(check)


@virtual_time
async def test_send_waits_for_room_in_the_mailbox_of_the_actor() -> None:
    """Backpressure for producers outside the tree: nothing is lost, nothing is out of order."""
    stage = Stage(capacity=2)
    async with grown(stage.spec()) as tree:
        tree.nursery.start_soon(stage.ref.call, Say("slow", wait=1.0))
        await quiet()
        began = trio.current_time()
        for number in range(6):
            await stage.ref.send(Note(str(number)))
        assert trio.current_time() - began == pytest.approx(1)
        await quiet()
        assert stage.journal[1:] == ["say slow", *"012345"]
