"""The seam between trio and asyncio, in two typed functions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar, cast

import structlog
import trio_asyncio  # pyright: ignore[reportMissingTypeStubs] - the library ships none

from actors.store.failures import OUTAGES

A = ParamSpec("A")
T = TypeVar("T")

log = structlog.get_logger()


def on_asyncio(function: Callable[A, Awaitable[T]]) -> Callable[A, Awaitable[T]]:
    """Make an asyncio coroutine function callable from trio; a trio cancel reaches it."""
    wrap = cast(
        "Callable[[Callable[A, Awaitable[T]]], Callable[A, Awaitable[T]]]",
        trio_asyncio.aio_as_trio,  # pyright: ignore[reportUnknownMemberType] - untyped library
    )
    return wrap(function)


def hear_the_unheard(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Take what asyncio tells of a failure that nobody waits for; handler of the loop.

    An outage is logged: a connection that breaks while asyncpg still greets the server, and has
    given up already, leaves one behind. Anything else is a bug and ends the program.
    """
    error = context.get("exception")
    if isinstance(error, OUTAGES):
        log.info("database.unheard_failure", error=f"{type(error).__name__}: {error}")
    else:
        loop.default_exception_handler(context)
