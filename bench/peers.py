"""The same messages through other Python actor libraries, each as its documentation shows."""

from __future__ import annotations

import asyncio
import time

import mode
import pykka

MESSAGES = 10_000
CROWD = 1_000
"""Actors that are threads: a machine does not bear ten thousand of them."""


class _PykkaActor(pykka.ThreadingActor):
    """Answers with what it is asked; a thread of its own."""

    def on_receive(self, message: int) -> int:
        """Answer."""
        return message


def pykka_casts() -> float:
    """Return messages a second, told without waiting, until the last one is answered."""
    ref = _PykkaActor.start()
    began = time.perf_counter()
    for number in range(MESSAGES):
        ref.tell(number)
    ref.ask(0)
    rate = MESSAGES / (time.perf_counter() - began)
    ref.stop()
    return rate


def pykka_crowd() -> tuple[float, float]:
    """Return starts and stops a second of `CROWD` idle actors."""
    began = time.perf_counter()
    crowd = [_PykkaActor.start() for _ in range(CROWD)]
    starts = CROWD / (time.perf_counter() - began)
    began = time.perf_counter()
    pykka.ActorRegistry.stop_all()
    del crowd
    return starts, CROWD / (time.perf_counter() - began)


def pykka_calls() -> float:
    """Return questions a second, each waited for."""
    count = MESSAGES // 4
    ref = _PykkaActor.start()
    began = time.perf_counter()
    for number in range(count):
        ref.ask(number)
    rate = count / (time.perf_counter() - began)
    ref.stop()
    return rate


class _ModeService(mode.Service):
    """Takes messages from a queue; mode has supervised services, but no messages of its own."""

    def __post_init__(self) -> None:
        self.inbox: asyncio.Queue[tuple[int, asyncio.Future[int] | None]] = asyncio.Queue()
        self.count = 0

    @mode.Service.task
    async def _serve(self) -> None:
        while not self.should_stop:
            number, answer = await self.inbox.get()
            self.count += 1
            if answer is not None:
                answer.set_result(number)


async def _mode_rates() -> tuple[float, float]:
    service = _ModeService()
    await service.start()
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    for number in range(MESSAGES):
        service.inbox.put_nowait((number, None))
    last: asyncio.Future[int] = loop.create_future()
    service.inbox.put_nowait((0, last))
    await last
    casts = MESSAGES / (time.perf_counter() - began)
    count = MESSAGES // 4
    began = time.perf_counter()
    for number in range(count):
        answer: asyncio.Future[int] = loop.create_future()
        service.inbox.put_nowait((number, answer))
        await answer
    calls = count / (time.perf_counter() - began)
    await service.stop()
    return casts, calls


def mode_rates() -> tuple[float, float]:
    """Return casts and calls a second."""
    return asyncio.run(_mode_rates())
