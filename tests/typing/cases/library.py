"""Registry, topics, tasks, partitions, telemetry: what goes in and what comes out."""

# ruff: noqa: D401 - a case says what holds

from __future__ import annotations

from typing import assert_type

from actors.kernel.partition import Partitions
from actors.kernel.pubsub.bus import PubSub
from actors.kernel.pubsub.topic import Topic
from actors.kernel.ref import Ref
from actors.kernel.registry.registry import Registry
from actors.kernel.registry.via import Via
from actors.kernel.tasks.many import await_many
from actors.kernel.tasks.outcome import Exit, Ok
from actors.kernel.tasks.supervisor import TaskSupervisor
from actors.kernel.tasks.task import Task
from actors.kernel.telemetry import Telemetry
from tests.support.actors import Echo, Note, Say

NUMBERS = Topic[int]("numbers")
NOTES = Topic[Note]("notes")


async def names(registry: Registry[int], partitions: Partitions[Echo]) -> None:
    """Values are of the registry's type; a name is a handle."""
    via: Via[Echo] = registry.via("key")
    ref: Ref[Echo] = via
    assert_type(await via.call(Say("x")), str)
    assert_type(await partitions.via("key").call(Say("x")), str)
    via.cast(Say("x"))  # error: reportArgumentType
    assert_type([entry.value for entry in registry.lookup("key")], list[int])
    registry.register("key", "one")  # error: reportArgumentType
    registry.register([], 1)  # error: reportArgumentType
    registry.update_value("key", str)  # error: reportArgumentType
    del ref


async def topics(bus: PubSub, ref: Ref[Echo]) -> None:
    """A topic has one type of message, from the publisher to the reader."""
    bus.broadcast(NUMBERS, 1)
    bus.broadcast(NUMBERS, "one")  # error: reportArgumentType
    bus.subscribe(NOTES, ref.cast)
    bus.subscribe(NUMBERS, ref.cast)  # error: reportArgumentType
    with bus.stream(NUMBERS) as stream, bus.encoded(NUMBERS, str) as texts:
        assert_type(await anext(stream), int)
        assert_type(await anext(texts), str)


async def text(number: int, mark: str) -> str:
    """Be the work of a task."""
    return f"{number}{mark}"


async def half(number: int) -> float:
    """Be the work of a stream."""
    return number / 2


async def work(tasks: TaskSupervisor) -> None:
    """A task takes what its function takes, and gives what it returns."""
    task = await tasks.async_(text, 1, "x", label="a text")
    assert_type(task, Task[str])
    assert_type(await task.await_(), str)
    assert_type(await task.yield_(), Ok[str] | Exit | None)
    assert_type(await await_many([task]), list[str])
    await tasks.async_(text, "x", 1)  # error: reportArgumentType
    await tasks.async_nolink(text, 1)  # error: reportArgumentType
    await tasks.start_child(text, 1, "x", 3)  # error: reportArgumentType
    await tasks.async_(print, 1)  # error: reportArgumentType
    async with tasks.async_stream(half, [1, 2]) as outcomes:
        async for outcome in outcomes:
            assert_type(outcome, Ok[float] | Exit)
    tasks.async_stream(half, ["x"])  # error: reportArgumentType


def events(telemetry: Telemetry) -> None:
    """A handler takes any event."""

    def narrow(event: Note) -> None:
        del event

    telemetry.attach("print", print, Note, "build")
    telemetry.attach("narrow", narrow)  # error: reportArgumentType
    telemetry.attach("number", print, 7)  # error: reportArgumentType
