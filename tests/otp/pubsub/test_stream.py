"""Subscriptions of tasks that are no actor: async iterators with a buffer and a policy."""

from __future__ import annotations

import pytest
import trio

from actors.kernel.pubsub.bus import PubSub
from actors.kernel.pubsub.topic import Dropped, Overflow, SubscriberTooSlowError, Topic
from tests.support.tree import virtual_time

NEWS = Topic[int]("news")


@virtual_time
async def test_otp_222_a_task_iterates_over_the_messages_of_a_topic() -> None:
    """From the beginning of the block to its end."""
    bus, got = PubSub(), list[int]()
    bus.broadcast(NEWS, 0)
    with bus.stream(NEWS) as stream:
        bus.broadcast(NEWS, 1)
        bus.broadcast(NEWS, 2)
        assert len(stream) == 2
        async for message in stream:
            got.append(message)
            if message == 2:
                break
    assert got == [1, 2]
    assert bus.broadcast(NEWS, 3) == 0
    assert bus._topics == {}


@virtual_time
async def test_otp_224_a_stream_ends_with_its_block_when_cancelled_too() -> None:
    """A reader that waits is no reason to stay."""
    bus = PubSub()
    with trio.move_on_after(1), bus.stream(NEWS) as stream:
        async for _ in stream:
            pass
    assert bus.subscribers(NEWS) == []


@virtual_time
async def test_otp_227_a_cancelled_read_loses_no_message() -> None:
    """What came meanwhile is read next."""
    bus = PubSub()
    with bus.stream(NEWS) as stream:
        with trio.move_on_after(1):
            await anext(stream)
        bus.broadcast(NEWS, 1)
        with trio.CancelScope() as scope:
            scope.cancel()
            await anext(stream)
        assert await anext(stream) == 1


@virtual_time
@pytest.mark.parametrize(
    ("overflow", "kept"),
    [(Overflow.DROP_NEWEST, [0, 1, 9]), (Overflow.DROP_OLDEST, [3, 4, 9])],
)
async def test_otp_227_a_full_buffer_drops_by_policy_and_counts(
    overflow: Overflow, kept: list[int]
) -> None:
    """Other streams are not touched; each loss is reported."""
    reports: list[object] = []
    bus = PubSub(reports.append)
    with (
        bus.stream(NEWS, capacity=2, overflow=overflow, subscriber="slow") as slow,
        bus.stream(NEWS, capacity=9) as quick,
    ):
        for number in range(5):
            bus.broadcast(NEWS, number)
        got = [await anext(slow), await anext(slow)]
        bus.broadcast(NEWS, 9)
        assert [*got, await anext(slow)] == kept
        assert (slow.dropped, quick.dropped, bus.dropped) == (3, 0, 3)
        assert len(quick) == 6
        assert reports == [Dropped("news", "slow", count, closed=False) for count in (1, 2, 3)]


@virtual_time
async def test_otp_227_a_stream_that_may_lose_nothing_is_closed_when_full() -> None:
    """The reader gets what is buffered, then the error; one that waits hears of it, too."""
    bus = PubSub()
    with bus.stream(NEWS, capacity=2) as stream:
        for number in range(4):
            bus.broadcast(NEWS, number)
        assert bus.subscribers(NEWS) == []
        assert [await anext(stream), await anext(stream)] == [0, 1]
        with pytest.raises(SubscriberTooSlowError):
            await anext(stream)
    assert (bus.dropped, stream.dropped) == (1, 1)


def test_otp_227_a_stream_without_room_is_refused() -> None:
    """A bound of none would drop everything."""
    bus = PubSub()
    with pytest.raises(ValueError, match="room"), bus.stream(NEWS, capacity=0):
        pass
    assert bus.subscribers(NEWS) == []


@virtual_time
async def test_otp_230_a_broadcast_is_encoded_once_for_all_who_share_the_encoder() -> None:
    """And once more for the others."""
    bus, calls = PubSub(), list[int]()

    def encode(message: int) -> str:
        calls.append(message)
        return f"data: {message}"

    with (
        bus.encoded(NEWS, encode) as one,
        bus.encoded(NEWS, encode) as two,
        bus.encoded(NEWS, str) as text,
        bus.stream(NEWS) as plain,
    ):
        assert bus.broadcast(NEWS, 7) == 4
        assert await anext(one) is await anext(two)
        assert (await anext(text), await anext(plain)) == ("7", 7)
    assert calls == [7]


def test_otp_230_nothing_is_encoded_for_nobody() -> None:
    """Not even once."""
    bus = PubSub()
    with bus.encoded(Topic[int]("other"), lambda _message: 1 / 0):
        assert bus.broadcast(NEWS, 7) == 0
