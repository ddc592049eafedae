"""Repeating an operation through a short outage; for statements that recognise a repetition."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from actors.domain.errors import InterruptedJobError

T = TypeVar("T")

_TRIES = 5
_FIRST_PAUSE = 0.05


async def through_outage(work: Callable[[], Awaitable[T]]) -> T:
    """Run `work`, again when the connection broke under it; the last `UnavailableError` is raised.

    Only a cut connection is worth a repetition: while the database is known to be away, the
    door itself has waited already.
    """
    pause = _FIRST_PAUSE
    for _ in range(_TRIES - 1):
        try:
            return await work()
        except InterruptedJobError:
            await trio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            pause *= 2
    return await work()
