"""Noticing that a client has left while its request is being held."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

import trio

from api.exchange import Request
from api.server.wire import ClientGoneError

T = TypeVar("T")


async def until_departure(request: Request, work: Awaitable[T]) -> T:
    """Return what `work` gives, or cancel it and raise `ClientGoneError` when the client leaves."""
    result: list[T] = []
    failure: list[Exception] = []

    async def run() -> None:
        try:
            result.append(await work)
        except Exception as error:  # noqa: BLE001 - carried over the nursery as it is
            failure.append(error)
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        while (await request.receive())["type"] != "http.disconnect":
            pass
        nursery.cancel_scope.cancel()
    if failure:
        raise failure[0]
    if not result:
        raise ClientGoneError
    return result[0]
