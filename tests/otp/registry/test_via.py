"""Names of a registry in the place of handles: to start, call, cast and stop."""

from __future__ import annotations

import random

import pytest
import trio

from actors.kernel.actor import actor_spec
from actors.kernel.registry.errors import WrongKeysError
from actors.kernel.registry.registry import Keys, Registry
from supervisors.dynamic import dynamic_supervisor
from supervisors.errors import NoProcError, StartError
from supervisors.exits import KILLED, NORMAL, AlreadyStarted
from supervisors.spec import Budget, ChildSpec, Restart
from supervisors.supervisor import supervisor
from tests.support.actors import EchoActor, Hold, Note, Release, Say, Stage
from tests.support.inside import insiders
from tests.support.tree import Tree, crash_of, grown, virtual_time


def echo(registry: Registry[None], key: str, stage: Stage, **options: object) -> ChildSpec:
    """Child spec of an actor that is started under a name."""
    return actor_spec(key, lambda: EchoActor(registry.via(key), stage), **options)


def pool() -> ChildSpec:
    """Return a root with a dynamic supervisor that survives much."""
    return supervisor("root", [dynamic_supervisor("pool", budget=Budget(intensity=1000))])


async def start(tree: Tree, spec: ChildSpec) -> object:
    """Start a child, and give back its process or the reason why there is none."""
    try:
        return await tree.dyn("pool").start_child(spec)
    except StartError as error:
        return error.reason


@virtual_time
async def test_otp_216_a_name_is_taken_wherever_a_handle_is() -> None:
    """Start, call, cast, a reply that comes later; and a name made after the start works too."""
    registry, stage = Registry[None]("reg"), Stage()
    async with grown(pool()) as tree:
        process = await start(tree, echo(registry, "key", stage))
        assert registry.whereis("key") is process
        via = registry.via("key")
        assert via.is_alive
        assert await via.call(Say("hello")) == "hello"
        assert via.cast(Note("noted"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(via.call, Hold())
            await trio.testing.wait_all_tasks_blocked()
            via.cast(Release("later"))
        assert "noted" in stage.journal


@virtual_time
async def test_otp_216_an_actor_is_stopped_by_its_name() -> None:
    """Through `terminate`, with the reason; a name without an actor is no process."""
    registry, stage = Registry[None]("reg"), Stage()
    async with grown(pool()) as tree:
        process = await start(tree, echo(registry, "key", stage, restart=Restart.TEMPORARY))
        await registry.via("key").stop()
        assert process.exit == NORMAL
        assert "terminate normal" in stage.journal
        assert registry.count() == 0
        with pytest.raises(NoProcError):
            await registry.via("key").stop()


@virtual_time
async def test_otp_216_a_name_reaches_the_next_generation_and_nobody_between() -> None:
    """As a `Ref` does."""
    registry, stage = Registry[None]("reg"), Stage()
    stage.inits.extend([0.0, 3.0])
    async with grown(pool()) as tree:
        process = await start(tree, echo(registry, "key", stage))
        via = registry.via("key")
        with pytest.raises(NoProcError):
            await registry.via("other").call(Say("x"))
        assert not registry.via("other").cast(Note("x"))
        process.kill()
        assert await process.join() == KILLED
        assert not via.is_alive
        assert await via.call_again(Say("back")) == "back"
        assert registry.whereis("key") is not process


@virtual_time
async def test_otp_216_a_process_that_registered_itself_is_reached_by_the_name() -> None:
    """After it gave the name up it is not."""
    registry, stage = Registry[None]("reg"), Stage()

    async def leave(_actor: EchoActor) -> None:
        if "give up" in stage.journal:
            registry.unregister("own")

    class Registering(EchoActor):
        async def init(self) -> None:
            registry.register("own", None)
            registry.register("second", None)

    stage.idle = leave
    async with grown(pool()) as tree:
        via = registry.via("own")
        await start(tree, actor_spec("own", lambda: Registering(stage.ref, stage)))
        assert await via.call(Say("hello")) == "hello"
        assert await stage.ref.call(Say("hello")) == "hello"
        assert await registry.via("second").call(Say("made after")) == "made after"
        via.cast(Note("give up"))
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(NoProcError):
            await via.call(Say("hello"))


@virtual_time
async def test_otp_216_names_are_for_unique_registries_only() -> None:
    """A duplicate key is nobody's name."""
    with pytest.raises(WrongKeysError):
        Registry[None]("bag", Keys.DUPLICATE).via("key")


@virtual_time
async def test_otp_216_a_start_under_a_held_name_fails_before_init() -> None:
    """With the holder in the error, and the holder unharmed."""
    registry, first, second = Registry[None]("reg"), Stage(), Stage()
    async with grown(pool()) as tree:
        holder = await start(tree, echo(registry, "key", first))
        reason = await start(tree, echo(registry, "key", second))
        assert isinstance(reason, AlreadyStarted)
        assert reason.holder is holder
        assert second.journal == []
        assert await registry.via("key").call(Say("still")) == "still"


@virtual_time
async def test_otp_217_of_two_starts_with_one_name_exactly_one_wins() -> None:
    """A hundred times, in any order of tasks; the other is told who won."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(100):
        await _race(chance)


async def _race(chance: random.Random) -> None:
    registry, stages, results = Registry[None]("reg"), [Stage(), Stage()], []
    pools = [dynamic_supervisor(name) for name in ("one", "two")]  # two starters, not one in turn
    async with grown(supervisor("root", pools)) as tree:

        async def one(name: str, stage: Stage) -> None:
            for _ in range(chance.randrange(4)):
                await trio.lowlevel.checkpoint()
            stage.inits.append(chance.choice([0.0, 1.0]))
            spec = echo(registry, "key", stage, restart=Restart.TEMPORARY)
            try:
                results.append(await tree.dyn(name).start_child(spec))
            except StartError as error:
                results.append(error.reason)

        async with trio.open_nursery() as nursery:
            for name, stage in zip(("one", "two"), stages, strict=True):
                nursery.start_soon(one, name, stage)
        (lost,) = [result for result in results if isinstance(result, AlreadyStarted)]
        (won,) = [result for result in results if result is not lost]
        assert lost.holder is won
        assert registry.whereis("key") is won
        assert sum(bool(stage.journal) for stage in stages) == 1


@virtual_time
async def test_otp_217_a_failed_start_frees_its_name_before_the_starter_is_told() -> None:
    """Time after time: the next start never meets a holder."""
    registry, stage = Registry[None]("reg"), Stage()
    async with grown(pool()) as tree:
        for _ in range(1000):
            stage.inits.append(ValueError("no"))
            reason = await start(tree, echo(registry, "key", stage))
            assert isinstance(crash_of(reason), ValueError)
        assert registry.count() == 0


@virtual_time
async def test_otp_218_a_lock_has_one_holder_a_key_in_order_of_arrival() -> None:
    """Other keys are free meanwhile, and nothing is kept of a lock nobody holds."""
    registry, journal = Registry[None]("reg"), list[str]()

    async def use(name: str, key: str) -> None:
        async with registry.lock(key):
            journal.append(f"{name} has {key}")
            await trio.sleep(1)
            journal.append(f"{name} frees {key}")

    async with insiders("a", "b", "c", "other") as (_, a, b, c, other):
        for who, key in ((a, "x"), (b, "x"), (c, "x"), (other, "y")):
            who.begin(use, who.name, key)
            await trio.testing.wait_all_tasks_blocked()
        await trio.sleep(10)
    on_x = [line for line in journal if line.endswith("x")]
    assert on_x == [f"{name} {verb} x" for name in "abc" for verb in ("has", "frees")]
    assert journal.index("other has y") < journal.index("a frees x")
    assert len(registry._locks) == 0


@virtual_time
async def test_otp_218_a_lock_is_freed_when_its_holder_dies_and_skips_a_dead_waiter() -> None:
    """By a kill, each."""
    registry, journal = Registry[None]("reg"), list[str]()

    async def hold(name: str) -> None:
        async with registry.lock("key"):
            journal.append(name)
            await trio.sleep_forever()

    async with insiders("a", "b", "c") as (_, a, b, c):
        for who in (a, b, c):
            who.begin(hold, who.name)
            await trio.testing.wait_all_tasks_blocked()
        b.life.kill()
        await b.life.join()
        a.life.kill()
        await trio.testing.wait_all_tasks_blocked()
        assert journal == ["a", "c"]
        c.life.kill()
        await c.life.join()
        assert len(registry._locks) == 0
