"""Killing a random actor of the running controller, again and again."""

from __future__ import annotations

import random
from collections.abc import Callable

import trio

from api.client import ApiError, ControllerUnreachableError
from api.client.operators import OperatorCalls


async def sabotage(
    calls: OperatorCalls,
    rng: random.Random,
    killed: Callable[[str], None],
    every: float = 1.0,
) -> None:
    """Kill one running actor each `every` seconds until cancelled; `killed` is told its path.

    When the tree cannot be seen nothing is killed. A kill without an answer counts: it may well
    have hit what would have answered.
    """
    while True:
        await trio.sleep(every)
        try:
            tree = await calls.debug_tree()
        except (ApiError, ControllerUnreachableError):
            continue
        actors = [node for node in tree.walk() if node.kind == "actor" and node.state == "running"]
        if not actors:
            continue
        path = rng.choice(actors).path
        try:
            await calls.debug_kill(path)
        except ApiError:
            continue  # it has ended by itself meanwhile
        except ControllerUnreachableError:
            pass
        killed(path)
