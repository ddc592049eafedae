"""A process that does what a test tells it, in its own task: the "self" of process-bound calls."""

from __future__ import annotations

import inspect
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio

from supervisors.exits import NORMAL, ExitReason
from supervisors.process import Process
from supervisors.spec import Budget, ChildSpec, Restart
from supervisors.supervisor import supervisor
from tests.support.tree import Boom, grown


@dataclass(slots=True, eq=False)
class Order:
    """What to run, and what came of it."""

    function: Callable[[], Any]
    done: trio.Event = field(default_factory=trio.Event)
    value: Any = None
    error: Exception | None = None


class Inside:
    """One child; it is not restarted unless its spec says so."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.life: Process

    def spec(self, **options: Any) -> ChildSpec:
        """Child spec of this process, id = name."""
        return ChildSpec(
            id=self.name, start=self._body, **({"restart": Restart.TEMPORARY} | options)
        )

    async def do(self, function: Callable[..., Any], *args: object) -> Any:
        """Run a function, async or not, in the process; what it raises is raised here, only."""
        order = Order(lambda: function(*args))
        self._send.send_nowait(order)
        self.life.on_exit(lambda _ended: order.done.set())
        await order.done.wait()
        if order.error is not None:
            raise order.error
        return order.value

    def begin(self, function: Callable[..., Any], *args: object) -> None:
        """Run a function in the process; what it raises crashes the process."""
        self._send.send_nowait(lambda: function(*args))

    async def crash(self) -> ExitReason:
        """Have the process raise, and wait for its end."""

        def fail() -> None:
            raise Boom(self.name)

        self.begin(fail)
        return await self.life.join()

    async def leave(self, reason: ExitReason = NORMAL) -> None:
        """Have the process end by itself with `reason`, and wait for it."""
        self._send.send_nowait(reason)
        await self.life.join()

    async def _body(self, process: Process) -> ExitReason:
        self.life = process
        self._send, orders = trio.open_memory_channel[Any](math.inf)
        process.started()
        async for order in orders:
            match order:
                case Order():
                    await _carry_out(order)
                case _ if callable(order):
                    await _maybe(order())
                case reason:
                    return reason
        raise AssertionError


async def _carry_out(order: Order) -> None:
    try:
        order.value = await _maybe(order.function())
    except Exception as error:  # noqa: BLE001 - carried to whoever asked
        order.error = error
    finally:
        order.done.set()


async def _maybe(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


@asynccontextmanager
async def insiders(*names: str, beside: tuple[ChildSpec, ...] = ()) -> AsyncIterator[list[Any]]:
    """Run a tree of such processes after the children `beside`; yield the tree and them."""
    found = [Inside(name) for name in names]
    children = [*beside, *(inside.spec() for inside in found)]
    root = supervisor("root", children, budget=Budget(intensity=100))
    async with grown(root) as tree:
        yield [tree, *found]
