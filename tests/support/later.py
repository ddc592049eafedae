"""Something that goes on in the background of a test, and its outcome."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import trio

R = TypeVar("R")


class Later(Generic[R]):
    """A running operation; `await outcome()` returns what it returned or raises what it raised."""

    def __init__(self, nursery: trio.Nursery, work: Callable[[], Awaitable[R]]) -> None:
        self._answers: list[R] = []
        self._error: Exception | None = None
        self._scope = trio.CancelScope()
        self._over = trio.Event()
        nursery.start_soon(self._run, work)

    @property
    def is_over(self) -> bool:
        """Whether there is an outcome."""
        return self._over.is_set()

    async def outcome(self) -> R:
        """Wait for the end."""
        await self._over.wait()
        if self._error is not None:
            raise self._error
        return self._answers[0]

    async def leave(self) -> None:
        """Give up waiting, as a client that goes away."""
        self._scope.cancel()
        await self._over.wait()

    async def _run(self, work: Callable[[], Awaitable[R]]) -> None:
        try:
            with self._scope:
                self._answers.append(await work())
        except Exception as error:  # noqa: BLE001 - carried to whoever asks
            self._error = error
        finally:
            self._over.set()
