"""Messages: a cast and a call of an actor, beside the bare memory channel they are made of."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import trio

from actors.kernel.actor import Actor, actor_spec
from actors.kernel.messages import Call, Caller, Cast
from actors.kernel.ref import Ref
from bench import children, peers
from bench.table import Row, show
from supervisors.process import Process, Runtime
from supervisors.root import run_tree
from supervisors.supervisor import supervisor

ROUNDS = 5
Rates = dict[str, tuple[list[float], list[float], list[float]]]
MESSAGES = 20_000


class Bench:
    """Marks the protocol of the measured actor."""


@dataclass(frozen=True, slots=True)
class Ask(Call[Bench, int]):
    """Answered with its number."""

    number: int


@dataclass(frozen=True, slots=True)
class Tell(Cast[Bench]):
    """Counted."""


class BenchActor(Actor[Bench]):
    """Counts casts and answers calls."""

    mailbox_capacity = MESSAGES * 2

    def __init__(self, ref: Ref[Bench], told: list[trio.Event]) -> None:
        super().__init__(ref)
        self._told = told
        self._count = 0

    async def handle_call(self, message: Ask, caller: Caller[int]) -> object:
        """Answer."""
        del caller
        return message.number

    async def handle_cast(self, message: Tell) -> None:
        """Count, and say when all are there."""
        del message
        self._count += 1
        if self._count % MESSAGES == 0:
            self._told[0].set()


async def _channel_sends() -> float:
    send, receive = trio.open_memory_channel[int](math.inf)
    began = time.perf_counter()
    async with trio.open_nursery() as nursery:

        async def drain() -> None:
            for _ in range(MESSAGES):
                await receive.receive()

        nursery.start_soon(drain)
        for number in range(MESSAGES):
            send.send_nowait(number)
    return MESSAGES / (time.perf_counter() - began)


async def _channel_round_trips() -> float:
    there, asked = trio.open_memory_channel[int](math.inf)
    back, answered = trio.open_memory_channel[int](math.inf)
    count = MESSAGES // 4
    began = time.perf_counter()
    async with trio.open_nursery() as nursery:

        async def echo() -> None:
            for _ in range(count):
                back.send_nowait(await asked.receive())

        nursery.start_soon(echo)
        for number in range(count):
            there.send_nowait(number)
            await answered.receive()
    return count / (time.perf_counter() - began)


async def _casts(ref: Ref[Bench], told: list[trio.Event]) -> float:
    told[0] = trio.Event()
    began = time.perf_counter()
    for _ in range(MESSAGES):
        ref.cast(Tell())
    await told[0].wait()
    return MESSAGES / (time.perf_counter() - began)


async def _calls(ref: Ref[Bench]) -> float:
    count = MESSAGES // 4
    began = time.perf_counter()
    for number in range(count):
        await ref.call(Ask(number))
    return count / (time.perf_counter() - began)


async def _measure(ref: Ref[Bench], told: list[trio.Event]) -> Rates:
    sends, casts, trips, calls = [], [], [], []
    pykka_casts, pykka_calls = [], []
    for _ in range(ROUNDS):
        pykka_casts.append(await trio.to_thread.run_sync(peers.pykka_casts))
        pykka_calls.append(await trio.to_thread.run_sync(peers.pykka_calls))
        sends.append(await _channel_sends())
        casts.append(await _casts(ref, told))
        trips.append(await _channel_round_trips())
        calls.append(await _calls(ref))
    return {
        "casts": (sends, casts, pykka_casts),
        "calls": (trips, calls, pykka_calls),
    }


async def _main() -> Rates:
    ref = Ref[Bench]("bench")
    told = [trio.Event()]
    spec = supervisor("root", [actor_spec("bench", lambda: BenchActor(ref, told))])
    async with trio.open_nursery() as nursery:
        root: Process = await nursery.start(_tree, spec)
        rates = await _measure(ref, told)
        root.shutdown()
    return rates


async def _tree(spec, *, task_status) -> None:  # noqa: ANN001 - passed through
    await run_tree(spec, Runtime(), task_status=task_status)


def run() -> None:
    """Measure and print; mode has a loop of its own, so its rounds come after ours."""
    rates = trio.run(_main)
    mode = [peers.mode_rates() for _ in range(ROUNDS)]
    note = f"{ROUNDS} rounds; one sender, one receiver; pykka in turn with ours, mode after"
    sends, casts, told = rates["casts"]
    rows = [Row("bare channel", "", sends), Row("cast to an actor", "", casts)]
    rows += [Row("pykka, tell", "", told), Row("mode, a queue", "", [rate[0] for rate in mode])]
    show("Casts", rows, note)
    trips, calls, asked = rates["calls"]
    rows = [Row("two bare channels", "", trips), Row("call of an actor", "", calls)]
    rows += [Row("pykka, ask", "", asked), Row("mode, a queue", "", [rate[1] for rate in mode])]
    show("Calls", rows, note)
    children.run()
