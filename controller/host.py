"""A tree inside its surroundings: the asyncio loop of the database, and errors as they are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

import structlog
import trio
import trio_asyncio  # pyright: ignore[reportMissingTypeStubs] - the library ships none

from actors.node.lifeline import NodeSetupError
from actors.postgres.errors import PostgresSetupError
from actors.storage.base import StorageSetupError
from actors.store.bridge import hear_the_unheard
from actors.store.failures import DatabaseSetupError
from api.server.listen import BindError
from controller.settings import SettingError
from supervisors.errors import StartError
from supervisors.exits import SHUTDOWN, Crash, ExitReason
from supervisors.process import Process, Runtime
from supervisors.root import run_tree
from supervisors.spec import ChildSpec

log = structlog.get_logger()

SETUP_ERRORS = (
    BindError,
    DatabaseSetupError,
    NodeSetupError,
    PostgresSetupError,
    SettingError,
    StorageSetupError,
)
"""What an operator can mend; their texts are sentences."""


@dataclass(slots=True)
class Control:
    """How a running tree is told to stop: once in order, twice at once."""

    root: Process | None = None
    stop_asked: bool = False

    def stop(self, why: str, scope: trio.CancelScope) -> None:
        """Begin an ordered stop; asked again, wait for nothing. `scope` is that of the start."""
        again, self.stop_asked = self.stop_asked, True
        log.info("controller.stopping", why=why, at_once=again)
        if self.root is None:
            scope.cancel()
        elif again:
            self.root.kill()
        else:
            self.root.shutdown()


Beside = Callable[[trio.CancelScope], Awaitable[None]]


class _Up(trio.TaskStatus[Process]):
    """Passes on that the tree is up."""

    def __init__(self, on_up: Callable[[Process], None]) -> None:
        self._on_up = on_up

    def started(self, value: Process | None = None) -> None:
        if value is not None:
            self._on_up(value)


async def host(
    spec: ChildSpec, runtime: Runtime, on_up: Callable[[Process], None], beside: Beside
) -> ExitReason:
    """Run a tree to its end, with `beside` next to it, which may cancel everything.

    Raises one of `SETUP_ERRORS` when that is what kept a child from starting, else `StartError`.
    """
    ends: list[ExitReason] = []
    failures: list[Exception] = []
    open_loop = cast("Any", trio_asyncio).open_loop
    async with open_loop() as loop, trio.open_nursery() as nursery:
        loop.set_exception_handler(hear_the_unheard)
        nursery.start_soon(beside, nursery.cancel_scope)
        try:
            ends.append(await run_tree(spec, runtime, task_status=_Up(on_up)))
        except StartError as error:
            failures.append(_explained(error))
        nursery.cancel_scope.cancel()
    if failures:
        raise failures[0]
    return ends[0] if ends else SHUTDOWN


def _explained(error: StartError) -> Exception:
    """Return the error an operator can mend, if that is what kept a child from starting."""
    if isinstance(error.reason, Crash):
        primary = error.reason.primary
        if isinstance(primary, SETUP_ERRORS):
            return primary
    return error
