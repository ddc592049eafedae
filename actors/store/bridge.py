"""The seam between trio and asyncio, in one typed function."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar, cast

import trio_asyncio  # pyright: ignore[reportMissingTypeStubs] - the library ships none

A = ParamSpec("A")
T = TypeVar("T")


def on_asyncio(function: Callable[A, Awaitable[T]]) -> Callable[A, Awaitable[T]]:
    """Make an asyncio coroutine function callable from trio; a trio cancel reaches it."""
    wrap = cast(
        "Callable[[Callable[A, Awaitable[T]]], Callable[A, Awaitable[T]]]",
        trio_asyncio.aio_as_trio,  # pyright: ignore[reportUnknownMemberType] - untyped library
    )
    return wrap(function)
