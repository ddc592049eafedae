"""Subscriptions of processes: who gets what, and how often."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import pytest
import trio

from actors.kernel.actor import Actor, actor_spec
from actors.kernel.messages import Call, Caller, Cast
from actors.kernel.pubsub.bus import PubSub
from actors.kernel.pubsub.topic import Dropped, Overflow, Topic
from actors.kernel.ref import Ref
from supervisors.errors import NoProcError
from supervisors.supervisor import supervisor
from tests.support.inside import Inside, insiders
from tests.support.tree import grown, virtual_time

NEWS = Topic[int]("news")
OTHER = Topic[int]("other")


class Inbox(list[int]):
    """Takes every message."""

    def take(self, message: int) -> bool:
        """Accept one."""
        self.append(message)
        return True


async def subscribed(bus: PubSub, who: Inside, topic: Topic[int] = NEWS) -> Inbox:
    """Have a process subscribe; return what it gets."""
    inbox = Inbox()
    await who.do(bus.subscribe, topic, inbox.take)
    return inbox


@virtual_time
async def test_otp_222_every_subscribed_process_gets_every_message_of_the_topic() -> None:
    """And nothing of other topics."""
    bus = PubSub()
    async with insiders("a", "b", "c") as (_, a, b, c):
        inboxes = [await subscribed(bus, who) for who in (a, b)]
        other = await subscribed(bus, c, OTHER)
        assert bus.broadcast(NEWS, 1) == 2
        assert bus.broadcast(NEWS, 2) == 2
        assert inboxes == [[1, 2], [1, 2]]
        assert other == []


class Reader:
    """Protocol of an actor that subscribes."""


@dataclass(frozen=True, slots=True)
class Story(Cast[Reader]):
    """What the topic carries."""

    number: int


@dataclass(frozen=True, slots=True)
class Seen(Call[Reader, list[int]]):
    """Answer with the numbers seen."""


@dataclass(frozen=True, slots=True)
class Nap(Call[Reader, None]):
    """Be busy for so long."""

    seconds: float


STORIES = Topic[Story]("stories")


class ReaderActor(Actor[Reader]):
    """Subscribes in its init."""

    mailbox_capacity = 3

    def __init__(self, ref: Ref[Reader], bus: PubSub, overflow: Overflow) -> None:
        super().__init__(ref)
        self._bus = bus
        self._overflow = overflow
        self._seen: list[int] = []

    async def init(self) -> None:
        """Subscribe."""
        self._bus.subscribe(STORIES, self.ref.cast, self._overflow)
        self._bus.subscribe(NEWS, self.ref.info, self._overflow)

    async def handle_cast(self, message: Any) -> None:
        """Note it."""
        self._seen.append(message.number)

    async def handle_info(self, message: object) -> None:
        """Note a plain message of any topic."""
        assert isinstance(message, int)
        self._seen.append(message)

    async def handle_call(self, message: Any, caller: Caller[Any]) -> object:
        """Answer, or nap."""
        del caller
        if isinstance(message, Nap):
            await trio.sleep(message.seconds)
            return None
        return self._seen


def readers(bus: PubSub, *refs: Ref[Reader], overflow: Overflow = Overflow.DROP_NEWEST) -> Any:
    """Run a tree of actors that subscribe."""
    children = [
        actor_spec(ref.name, lambda ref=ref: ReaderActor(ref, bus, overflow)) for ref in refs
    ]
    return grown(supervisor("root", children))


@virtual_time
async def test_otp_222_an_actor_gets_them_in_its_mailbox() -> None:
    """Of its own protocol or not, in order with its others."""
    bus, ref = PubSub(), Ref[Reader]("reader")
    async with readers(bus, ref):
        assert bus.broadcast(STORIES, Story(1)) == 1
        assert bus.broadcast(NEWS, 2) == 1
        assert await ref.call(Seen()) == [1, 2]


@virtual_time
async def test_otp_223_subscribing_twice_means_two_copies_and_one_unsubscribe_ends_both() -> None:
    """Those of others and of other topics stay."""
    bus = PubSub()
    async with insiders("a", "b") as (_, a, b):
        first, second = await subscribed(bus, a), await subscribed(bus, a)
        elsewhere, foreign = await subscribed(bus, a, OTHER), await subscribed(bus, b)
        assert bus.broadcast(NEWS, 1) == 3
        assert (first, second) == ([1], [1])
        assert await a.do(bus.unsubscribe, NEWS) == 2
        assert await a.do(bus.unsubscribe, NEWS) == 0
        assert bus.broadcast(NEWS, 2) == 1
        assert bus.broadcast(OTHER, 3) == 1
        assert (first, second, foreign, elsewhere) == ([1], [1], [1, 2], [3])


@virtual_time
@pytest.mark.parametrize("how", ["leave", "crash", "kill"])
async def test_otp_224_a_subscription_ends_with_its_process(how: str) -> None:
    """However it ends; nothing of it is kept."""
    bus = PubSub()
    async with insiders("a") as (_, a):
        inbox = await subscribed(bus, a)
        if how == "kill":
            a.life.kill()
            await a.life.join()
        else:
            await getattr(a, how)()
        assert bus.broadcast(NEWS, 1) == 0
        assert inbox == []
        assert (bus._topics, bus._mine, len(bus._owners)) == ({}, {}, 0)


@virtual_time
async def test_otp_224_a_restarted_actor_has_one_subscription() -> None:
    """The one of its own init."""
    bus, ref = PubSub(), Ref[Reader]("reader")
    async with readers(bus, ref) as tree:
        tree.sup().slots()[0].process.kill()
        assert await ref.call_again(Seen()) == []
        assert len(bus.subscribers(STORIES)) == 1


def test_otp_225_a_broadcast_without_subscribers_is_fine() -> None:
    """Nobody gets it, and nothing is kept."""
    bus = PubSub()
    assert bus.broadcast(NEWS, 1) == 0
    assert bus.local_broadcast(NEWS, 1) == 0
    assert bus._topics == {}


@virtual_time
async def test_otp_226_broadcast_from_leaves_the_sender_out() -> None:
    """All subscriptions of it; who sends must be a process."""
    bus = PubSub()
    async with insiders("a", "b") as (_, a, b):
        inboxes = [await subscribed(bus, who) for who in (a, a, b)]
        assert await a.do(bus.broadcast_from, NEWS, 1) == 1
        assert inboxes == [[], [], [1]]
        with pytest.raises(NoProcError):
            bus.broadcast_from(NEWS, 2)


@virtual_time
async def test_otp_227_a_full_mailbox_costs_its_owner_a_message_and_nobody_else() -> None:
    """The others get it in the same tick; the loss is counted and reported."""
    reports: list[object] = []
    bus, slow, quick = PubSub(reports.append), Ref[Reader]("slow"), Ref[Reader]("quick")
    async with readers(bus, slow, quick), trio.open_nursery() as nursery:
        nursery.start_soon(slow.call, Nap(4))
        await trio.testing.wait_all_tasks_blocked()
        for number in range(3):
            assert bus.broadcast(STORIES, Story(number)) == 2
            await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        assert bus.broadcast(STORIES, Story(3)) == 1
        assert await quick.call(Seen()) == [0, 1, 2, 3]
        assert trio.current_time() == began
        assert bus.dropped == 1
        assert reports == [Dropped("stories", "slow", 1, closed=False)]
        assert [one.dropped for one in bus.subscribers(STORIES)] == [1, 0]
        await trio.sleep(5)
        assert await slow.call(Seen()) == [0, 1, 2]


@virtual_time
async def test_otp_227_a_subscriber_may_ask_to_be_dropped_when_slow() -> None:
    """It misses one message and is subscribed no more."""
    reports: list[object] = []
    bus, slow = PubSub(reports.append), Ref[Reader]("slow")
    async with readers(bus, slow, overflow=Overflow.CLOSE), trio.open_nursery() as nursery:
        nursery.start_soon(slow.call, Nap(1))
        await trio.testing.wait_all_tasks_blocked()
        for number in range(5):
            bus.broadcast(STORIES, Story(number))
        assert reports == [Dropped("stories", "slow", 1, closed=True)]
        assert bus.subscribers(STORIES) == []
        assert bus.dropped == 1


@virtual_time
async def test_otp_227_a_mailbox_cannot_give_up_its_oldest_message() -> None:
    """The policy is refused when it is asked for."""
    bus = PubSub()
    async with insiders("a") as (_, a):
        with pytest.raises(ValueError, match="oldest"):
            await a.do(bus.subscribe, NEWS, Inbox().take, Overflow.DROP_OLDEST)
        assert bus.subscribers(NEWS) == []


@virtual_time
async def test_otp_228_one_publishers_messages_arrive_in_order() -> None:
    """Whatever other publishers and subscribers do between."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    bus = PubSub()
    async with insiders("a", "b", "c") as (_, a, b, c):
        inboxes = [await subscribed(bus, who) for who in (a, b)]

        async def publish(base: int) -> None:
            for number in range(100):
                bus.broadcast(NEWS, base + number)
                if chance.random() < 0.3:
                    await trio.lowlevel.checkpoint()
                if chance.random() < 0.05:
                    await c.do(bus.subscribe, NEWS, Inbox().take)

        async with trio.open_nursery() as nursery:
            for base in (0, 1000, 2000):
                nursery.start_soon(publish, base)
        for inbox in inboxes:
            for base in (0, 1000, 2000):
                mine = [number for number in inbox if base <= number < base + 1000]
                assert mine == list(range(base, base + 100))


@virtual_time
async def test_otp_229_a_local_broadcast_stays_here_and_the_others_cross_the_bridge() -> None:
    """Once each; what comes in over a bridge is not sent back."""
    here, there = PubSub(), PubSub()
    here.add_bridge("there", lambda topic, message: there.local_broadcast(Topic(topic), message))
    stop = there.add_bridge(
        "here", lambda topic, message: here.local_broadcast(Topic(topic), message)
    )
    with pytest.raises(KeyError):
        here.add_bridge("there", print)
    async with insiders("a", "b") as (_, a, b):
        near, far = await subscribed(here, a), await subscribed(there, b)
        here.local_broadcast(NEWS, 1)
        here.broadcast(NEWS, 2)
        await a.do(here.broadcast_from, NEWS, 3)
        there.broadcast(NEWS, 4)
        stop()
        there.broadcast(NEWS, 5)
        assert (near, far) == ([1, 2, 4], [2, 3, 4, 5])


@virtual_time
async def test_otp_231_nothing_from_before_the_subscription_and_everything_after() -> None:
    """Subscribing first and reading the state after it, an event is never missed."""
    bus, state = PubSub(), [0]

    async def publish() -> None:
        for number in range(1, 50):
            state[0] = number
            bus.broadcast(NEWS, number)
            await trio.lowlevel.checkpoint()

    async def follow(who: Inside) -> None:
        inbox = await subscribed(bus, who)
        await trio.lowlevel.checkpoint()
        known = state[0]
        await publishing.wait()
        assert known == 49 or known + 1 in inbox
        assert inbox == list(range(50 - len(inbox), 50))

    publishing = trio.Event()
    names = [f"reader{number}" for number in range(20)]
    async with insiders(*names) as (_, *found), trio.open_nursery() as nursery:
        for who in found:
            nursery.start_soon(follow, who)
        await publish()
        publishing.set()


@virtual_time
async def test_otp_224_nothing_is_left_of_ten_thousand_rounds() -> None:
    """No topic, no subscription, no callback on a process that lives on."""
    bus = PubSub()
    async with insiders("a") as (_, a):

        def rounds() -> None:
            for number in range(10_000):
                topic = Topic[int](f"topic {number}")
                bus.subscribe(topic, Inbox().take)
                bus.unsubscribe(topic)

        await a.do(rounds)
        assert (bus._topics, bus._mine, len(bus._owners)) == ({}, {}, 1)
        assert len(a.life._on_exit) < 10
