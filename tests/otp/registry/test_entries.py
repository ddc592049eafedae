"""Entries of a registry: who may make them, what they hold, and how they are found."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio

from actors.kernel.registry.child import registry_spec
from actors.kernel.registry.entries import Entry
from actors.kernel.registry.errors import (
    AlreadyRegisteredError,
    NotOwnerError,
    WrongKeysError,
)
from actors.kernel.registry.registry import Keys, Registered, Registry, Unregistered
from supervisors.errors import AlreadyStartedError, NoProcError
from supervisors.exits import NORMAL, SHUTDOWN, Shutdown
from supervisors.process import Process, Runtime
from supervisors.supervisor import supervisor
from tests.support.inside import Inside, insiders
from tests.support.tree import Boom, grown, virtual_time


def unique() -> Registry[int]:
    """Make a registry with one process a key."""
    return Registry[int]("reg")


def duplicate() -> Registry[int]:
    """Make a registry with any number of them."""
    return Registry[int]("bag", Keys.DUPLICATE)


@virtual_time
async def test_otp_206_a_held_unique_key_is_refused_and_names_its_holder() -> None:
    """To the holder itself, too; other keys are free."""
    registry = unique()
    async with insiders("a", "b") as (_, a, b):
        await a.do(registry.register, "key", 1)
        for again in (a, b):
            with pytest.raises(AlreadyRegisteredError, match="reg/key is held by a") as caught:
                await again.do(registry.register, "key", 2)
            assert isinstance(caught.value, AlreadyStartedError)
            assert caught.value.holder is a.life
        await b.do(registry.register, "other", 3)
        assert registry.whereis("key") is a.life
        assert registry.whereis("other") is b.life
        assert registry.whereis("none") is None


@virtual_time
async def test_otp_207_a_duplicate_key_has_many_owners_and_one_owner_several_times() -> None:
    """In the order of their coming."""
    registry = duplicate()
    async with insiders("a", "b") as (_, a, b):
        for who, value in ((a, 1), (b, 2), (a, 3)):
            await who.do(registry.register, "key", value)
        found = registry.lookup("key")
        assert [(entry.process, entry.value) for entry in found] == [
            (a.life, 1),
            (b.life, 2),
            (a.life, 3),
        ]


@virtual_time
async def test_otp_208_a_process_registers_itself_and_tasks_of_its_own_do_it_for_it() -> None:
    """No argument names another process, and outside of a process there is nobody to register."""
    registry = unique()

    async def from_helper() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_register, registry, "helper")

    async with insiders("a") as (_, a):
        await a.do(registry.register, "own", 1)
        await a.do(from_helper)
        assert registry.keys(a.life) == ["own", "helper"]
        with pytest.raises(NoProcError):
            registry.register("nobody", 1)


async def _register(registry: Registry[int], key: str) -> None:
    registry.register(key, 1)


@virtual_time
@pytest.mark.parametrize("how", ["normal", "shutdown", "detail", "crash", "kill"])
async def test_otp_209_all_entries_of_a_process_go_at_its_end(how: str) -> None:
    """Whatever the reason; those of others stay."""
    registry = duplicate()
    async with insiders("a", "b") as (_, a, b):
        for who in (a, a, b):
            await who.do(registry.register, "key", 1)
        await a.do(registry.register, "other", 1)
        match how:
            case "normal":
                await a.leave(NORMAL)
            case "shutdown":
                await a.leave(SHUTDOWN)
            case "detail":
                await a.leave(Shutdown("why"))
            case "crash":
                await a.crash()
            case _:
                a.life.kill()
                await a.life.join()
        assert [entry.process for entry in registry.lookup("key")] == [b.life]
        assert registry.lookup("other") == []
        assert registry.keys(a.life) == []
        assert registry.count() == 1


@virtual_time
async def test_otp_210_an_end_is_heard_of_only_when_the_entries_are_gone() -> None:
    """Also by a watcher that came before the registration did."""
    registry = unique()
    seen: list[object] = []

    def look(_process: Process) -> None:
        seen.extend([registry.lookup("key"), registry.whereis("key"), registry.count()])

    async with insiders("a") as (_, a):
        a.life.on_exit(look)
        await a.do(registry.register, "key", 1)
        await a.crash()
        assert seen == [[], None, 0]


@virtual_time
async def test_otp_211_a_key_whose_holder_is_dead_but_not_cleaned_can_be_taken_over() -> None:
    """The entry of the dead one is neither found nor in the way."""
    registry = unique()
    async with insiders("a", "b") as (_, a, b):
        await a.leave()
        registry._entries.add(Entry("key", a.life, 1))
        assert registry.whereis("key") is None
        await b.do(registry.register, "key", 2)
        assert [(entry.process, entry.value) for entry in registry.select()] == [(b.life, 2)]
        assert len(registry._entries) == 1


@virtual_time
async def test_otp_211_an_ended_process_registers_nothing_more() -> None:
    """Though code of its task may still run: the watchers of its end."""
    registry, refused = unique(), list[NoProcError]()

    def try_late(_process: Process) -> None:
        try:
            registry.register("key", 1)
        except NoProcError as error:
            refused.append(error)

    async with insiders("a") as (_, a):
        a.life.on_exit(try_late)
        await a.leave()
        assert len(refused) == 1
        assert registry.count() == 0


@virtual_time
async def test_otp_212_an_entry_has_a_value_that_only_its_owner_may_update() -> None:
    """And only where keys are unique."""
    registry, bag = unique(), duplicate()
    async with insiders("a", "b") as (_, a, b):
        await a.do(registry.register, "key", 1)
        assert await a.do(registry.update_value, "key", lambda value: value + 1) == 2
        assert [entry.value for entry in registry.lookup("key")] == [2]
        with pytest.raises(NotOwnerError, match="b"):
            await b.do(registry.update_value, "key", lambda _value: 9)
        with pytest.raises(NotOwnerError):
            await a.do(registry.update_value, "none", lambda _value: 9)
        await a.do(bag.register, "key", 1)
        with pytest.raises(WrongKeysError):
            await a.do(bag.update_value, "key", lambda _value: 9)
        assert [entry.value for entry in registry.lookup("key")] == [2]


@virtual_time
async def test_otp_213_entries_are_found_by_key_process_value_and_guard() -> None:
    """Lookup, keys, values, match, select and count."""
    bag = duplicate()
    async with insiders("a", "b") as (_, a, b):
        for who, key, value in ((a, "x", 1), (a, "x", 2), (b, "x", 3), (b, "y", 4)):
            await who.do(bag.register, key, value)
        assert [entry.value for entry in bag.lookup("x")] == [1, 2, 3]
        assert bag.keys(b.life) == ["x", "y"]
        assert bag.values("x", a.life) == [1, 2]
        assert [entry.value for entry in bag.match("x", lambda value: value > 1)] == [2, 3]

        def of_b(entry: Entry[int]) -> bool:
            return entry.process is b.life and entry.value > 3

        assert [(entry.key, entry.value) for entry in bag.select(of_b)] == [("y", 4)]
        assert (bag.count(), bag.count(of_b), len(bag.select())) == (4, 1, 4)


@virtual_time
async def test_otp_213_a_process_unregisters_its_own_entries_by_key_and_by_pattern() -> None:
    """Those of others stay; how many went is returned."""
    bag = duplicate()
    async with insiders("a", "b") as (_, a, b):
        for who, value in ((a, 1), (a, 2), (a, 3), (b, 2)):
            await who.do(bag.register, "key", value)
        assert await a.do(bag.unregister, "key", lambda value: value == 2) == 1
        assert [entry.value for entry in bag.lookup("key")] == [1, 3, 2]
        assert await a.do(bag.unregister, "key") == 2
        assert await a.do(bag.unregister, "key") == 0
        assert [entry.process for entry in bag.lookup("key")] == [b.life]


@virtual_time
async def test_otp_214_dispatch_runs_in_the_caller_and_only_for_entries() -> None:
    """What the callback raises goes to the caller, and hurts no entry."""
    bag = duplicate()
    calls: list[tuple[object, list[int]]] = []

    def callback(entries: Sequence[Entry[int]]) -> None:
        calls.append((trio.lowlevel.current_task(), [entry.value for entry in entries]))

    def fail(_entries: Sequence[Entry[int]]) -> None:
        raise Boom("in the callback")

    async with insiders("a") as (_, a):
        bag.dispatch("key", callback)
        assert calls == []
        await a.do(bag.register, "key", 1)
        await a.do(bag.register, "key", 2)
        bag.dispatch("key", callback)
        assert calls == [(trio.lowlevel.current_task(), [1, 2])]
        with pytest.raises(Boom):
            bag.dispatch("key", fail)
        assert a.life.is_alive
        assert bag.count() == 2


@virtual_time
async def test_otp_215_listeners_are_told_of_every_register_and_unregister_in_order() -> None:
    """Of the one at an end, too; one that raises is taken off and hurts nobody."""
    registry, told = unique(), list[object]()
    async with insiders("a") as (_, a):
        stop = registry.listen("test", told.append)
        await a.do(registry.register, "x", 1)
        await a.do(registry.register, "y", 2)
        await a.do(registry.unregister, "x")
        await a.leave()
        stop()
        assert told == [
            Registered("reg", "x", a.life, 1),
            Registered("reg", "y", a.life, 2),
            Unregistered("reg", "x", a.life),
            Unregistered("reg", "y", a.life),
        ]


@virtual_time
async def test_otp_219_registered_processes_end_when_their_registry_does() -> None:
    """And nobody registers before it is back."""
    registry = unique()
    a, b = Inside("a"), Inside("b")
    root = supervisor("root", [registry_spec("registry", registry), a.spec(), b.spec()])
    with pytest.raises(NoProcError):
        await _register_alone(registry)
    async with grown(root) as tree:
        await a.do(registry.register, "key", 1)
        tree.sup().slots()[0].process.kill()
        await a.life.join()
        assert b.life.is_alive
        assert registry.count() == 0
        await tree.reports.seen(type(tree.reports.events[0]), "registry", count=2)
        await b.do(registry.register, "key", 2)
        assert registry.whereis("key") is b.life


async def _register_alone(registry: Registry[int]) -> None:
    registry.register("key", 1)


@virtual_time
async def test_otp_220_registering_before_the_registry_has_started_fails() -> None:
    """So a wrong order of children shows at the first boot."""
    registry = unique()
    a = Inside("a")
    spec = registry_spec("registry", registry)
    async with grown(supervisor("root", [a.spec()])) as tree:
        with pytest.raises(NoProcError, match="not running"):
            await a.do(registry.register, "key", 1)
        await tree.sup().start_child(spec)
        await a.do(registry.register, "key", 1)


def test_otp_221_a_registry_has_metadata_by_key() -> None:
    """Put and get."""
    registry = unique()
    registry.meta["limit"] = 3
    assert registry.meta == {"limit": 3}


@virtual_time
async def test_otp_209_nothing_is_left_of_ten_thousand_rounds() -> None:
    """No entry, no owner, no name, no callback on a process that lives on."""
    registry = duplicate()
    async with insiders("a") as (_, a):

        def rounds() -> None:
            for number in range(10_000):
                registry.register(number % 7, number)
                registry.unregister(number % 7)

        before = len(a.life._on_exit)
        await a.do(rounds)
        assert len(registry._entries) == registry.count() == 0
        assert (registry._entries._by_key, registry._entries._by_process) == ({}, {})
        assert len(a.life._on_exit) <= before + 2
        await a.leave()
        assert len(registry._owners) == 0


@virtual_time
async def test_otp_209_nothing_is_left_of_ten_thousand_owners() -> None:
    """That ended with several entries each."""
    registry, runtime = duplicate(), Runtime()

    async def body(process: Process) -> None:
        process.started()
        registry.register("key", 1)
        registry.register("key", 2)

    for _ in range(10_000):
        await Process("owner", runtime).run(body)
    assert (registry._entries._by_key, registry._entries._by_process) == ({}, {})
    assert len(registry._owners) == 0
