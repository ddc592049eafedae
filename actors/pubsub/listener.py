"""The connection that listens: one of its own, because a LISTEN belongs to its session."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import trio

from actors.store.bridge import on_asyncio
from actors.store.database import ConnectOptions
from actors.store.failures import OUTAGES

if TYPE_CHECKING:
    from actors.store.job import Link

CHANNEL = "expo_controller"
PING_SECONDS = 5.0


class Listener:
    """An open listening connection; `close` it whatever happens."""

    def __init__(self, link: Link) -> None:
        self._link = link

    @classmethod
    async def open(
        cls,
        options: ConnectOptions,
        on_notice: Callable[[str], None],
        on_loss: Callable[[], object],
    ) -> Listener:
        """Connect and listen; `on_notice` gets payloads, `on_loss` is called at an end unasked.

        Raises one of `OUTAGES` while the database is away.
        """

        def hear(_link: object, _pid: int, _channel: str, payload: object) -> None:
            on_notice(str(payload))

        def end(_link: object) -> None:
            on_loss()

        async def connect() -> Link:
            link = await options.connect()
            try:
                await link.add_listener(CHANNEL, hear)
                link.add_termination_listener(end)
            except BaseException:
                link.terminate()
                raise
            return link

        return cls(await on_asyncio(connect)())

    async def is_alive(self) -> bool:
        """Ask the server something: a dead connection brings no notice, and raises nothing."""

        async def ping() -> None:
            await self._link.fetchval("select 1", timeout=PING_SECONDS)

        try:
            with trio.fail_after(2 * PING_SECONDS):
                await on_asyncio(ping)()
        except (*OUTAGES, trio.TooSlowError):
            return False
        return not self._link.is_closed()

    def close(self) -> None:
        """Cut the connection; never waits."""
        self._link.terminate()
