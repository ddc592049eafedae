"""The partition supervisor: fixed copies, and routes that are the same in every program."""

from __future__ import annotations

import os
from typing import Any
from uuid import UUID

import pytest
import trio

from actors.kernel.actor import actor_spec
from actors.kernel.partition import Partitions, partition_supervisor
from actors.kernel.ref import Ref
from supervisors.errors import NoProcError
from supervisors.events import ChildStarted, RestartBudgetSpent
from supervisors.exits import KILLED
from supervisors.spec import ChildSpec
from supervisors.supervisor import supervisor
from tests.support.actors import Echo, EchoActor, Note, Say, Stage
from tests.support.tree import grown, virtual_time


class Shop:
    """Partitions whose stages are kept by number."""

    def __init__(self, count: int = 4) -> None:
        self.partitions = Partitions[Echo]("shop", count)
        self.stages = [Stage() for _ in range(count)]
        self.asked: list[int] = []

    def child(self, number: int, ref: Ref[Echo]) -> ChildSpec:
        """Child spec of one partition."""
        self.asked.append(number)
        return actor_spec("any", lambda: EchoActor(ref, self.stages[number]))

    def spec(self) -> ChildSpec:
        """Return a root above the partition supervisor."""
        return supervisor("root", [partition_supervisor("shop", self.partitions, self.child)])


def lives(tree: Any) -> dict[Any, Any]:
    """Return the processes of the partitions by id."""
    return {slot.spec.id: slot.alive for slot in tree.sup("shop").slots()}


@virtual_time
async def test_otp_249_so_many_copies_are_started_each_with_its_number_as_id() -> None:
    """All at the start."""
    shop = Shop(5)
    async with grown(shop.spec()) as tree:
        assert list(lives(tree)) == [0, 1, 2, 3, 4]
        assert all(lives(tree).values())
        assert len(shop.partitions) == 5


def test_otp_249_without_a_number_there_are_as_many_as_cores() -> None:
    """One each."""
    assert len(Partitions[Echo]("cores")) == os.cpu_count()


ROUTES: dict[Any, int] = {  # of 8; written down, as every program must find the same
    0: 0,
    7: 7,
    8: 0,
    -3: 3,
    2**70 + 5: 5,
    "build-1": 5,
    "build-2": 4,
    "": 4,
    "\u00e9": 4,
    b"build-1": 3,
    UUID(int=1): 1,
    ("app", 7): 4,
    ("app", ("x", b"y")): 7,
}


@pytest.mark.parametrize("key", ROUTES, ids=repr)
def test_otp_250_a_key_has_the_same_partition_in_every_program(key: Any) -> None:
    """A number by its absolute value, others by a hash that has no salt."""
    assert Partitions[Echo]("shop", 8).number(key) == ROUTES[key]


def test_otp_250_keys_that_look_alike_are_told_apart_and_others_refused() -> None:
    """By kind and by where the parts of a tuple end; equal keys have equal routes."""
    many = Partitions[Echo]("shop", 100_003)
    keys = ["1", b"1", ("1",), ("1", ""), ("", "1"), (("1",),), (1,)]
    assert len({many.number(key) for key in keys}) == len(keys)
    assert many.number((True,)) == many.number((1,))
    with pytest.raises(TypeError, match="float"):
        many.number(1.5)


def test_otp_250_texts_are_spread_evenly() -> None:
    """Within a tenth of the mean, for ten thousand."""
    partitions, counts = Partitions[Echo]("shop", 4), [0] * 4
    for number in range(10_000):
        counts[partitions.number(f"build {number}")] += 1
    assert all(2250 < count < 2750 for count in counts)


@virtual_time
async def test_otp_251_calls_and_casts_are_routed_by_key() -> None:
    """Always to the same partition, and only there."""
    shop = Shop()
    async with grown(shop.spec()):
        for _ in range(2):
            assert await shop.partitions.via("key").call(Say("hello")) == "hello"
            assert shop.partitions.via(6).cast(Note("noted"))
        await trio.testing.wait_all_tasks_blocked()
        said = [stage.journal.count("say hello") for stage in shop.stages]
        noted = [stage.journal.count("noted") for stage in shop.stages]
        assert sorted(said) == [0, 0, 0, 2]
        assert said[shop.partitions.number("key")] == 2
        assert noted == [0, 0, 2, 0]


def test_otp_252_a_child_gets_the_number_of_its_partition() -> None:
    """In the call that makes its spec."""
    shop = Shop()
    shop.spec()
    assert shop.asked == [0, 1, 2, 3]


@virtual_time
async def test_otp_253_the_number_in_use_changes_between_none_and_all() -> None:
    """At none a route raises; the partitions themselves run on."""
    shop = Shop()
    async with grown(shop.spec()) as tree:
        before = lives(tree)
        shop.partitions.resize(2)
        assert {shop.partitions.number(key) for key in range(10)} == {0, 1}
        via = shop.partitions.via(3)
        shop.partitions.resize(0)
        with pytest.raises(NoProcError):
            shop.partitions.number("key")
        with pytest.raises(NoProcError):
            await via.call(Say("nobody"))
        assert not via.cast(Note("nobody"))
        shop.partitions.resize(1)
        assert await via.call(Say("first")) == "first"
        assert "say first" in shop.stages[0].journal
        shop.partitions.resize(4)
        assert {shop.partitions.number(key) for key in range(10)} == {0, 1, 2, 3}
        assert lives(tree) == before
    for wrong in (-1, 5):
        with pytest.raises(ValueError, match="not within"):
            shop.partitions.resize(wrong)


@virtual_time
async def test_otp_254_a_crashed_partition_comes_back_under_its_number_with_its_routes() -> None:
    """The others are left alone; a handle taken before still reaches it."""
    shop = Shop()
    async with grown(shop.spec()) as tree:
        before, via = lives(tree), shop.partitions.via(2)
        before[2].kill()
        assert await before[2].join() == KILLED
        await tree.reports.seen(ChildStarted, "shop/2", count=2)
        assert await via.call(Say("back")) == "back"
        after = lives(tree)
        assert {number for number in after if after[number] is not before[number]} == {2}
        assert await shop.partitions.via(2).call(Say("again")) == "again"
        assert "say again" in shop.stages[2].journal


@virtual_time
async def test_otp_254_three_restarts_in_five_seconds_are_survived_and_a_fourth_is_not() -> None:
    """Whichever partitions they are of."""
    shop = Shop()
    async with grown(shop.spec()) as tree:
        for number in range(4):
            assert tree.reports.of(RestartBudgetSpent) == []
            lives(tree)[number].kill()
            if number < 3:
                await tree.reports.seen(ChildStarted, f"shop/{number}", count=2)
        assert (await tree.reports.seen(RestartBudgetSpent)).offender == "shop/3"
