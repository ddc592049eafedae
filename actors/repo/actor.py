"""`repo`: opens the connections behind `Database` and keeps them, outages included.

Dies here: jobs in hand fail with `InterruptedJobError`, waiting ones stay in the door and are run
by the next generation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import trio

from actors.store.bridge import on_asyncio
from actors.store.database import ConnectOptions, Database
from actors.store.failures import DatabaseAwayError
from actors.store.migrate import Migration, prepare
from supervisors.exits import ExitReason
from supervisors.process import Process
from supervisors.spec import ChildSpec

_LOOK_SECONDS = 0.2


class Repo:
    """Handle of the running child, for the picture of the tree."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def describe(self) -> Mapping[str, object]:
        """Facts of the database door."""
        return self._database.describe()


def repo_spec(
    database: Database,
    options: ConnectOptions,
    *,
    migrations: Sequence[Migration],
    connections: int,
    patience: float = 0.0,
) -> ChildSpec:
    """Child that applies the schema at its first start and then serves `database`.

    Its init fails with `DatabaseSetupError` only before the database was ever reached, and waits
    `patience` seconds for one that is away: later an outage is waited out inside, and costs no
    restart budget.
    """

    async def body(process: Process) -> ExitReason | None:
        if not database.was_up:
            await _prepared(options, migrations, trio.current_time() + patience)
        async with trio.open_nursery() as nursery:
            for _ in range(connections):
                nursery.start_soon(on_asyncio(database.own), options)
            process.started(Repo(database))
        return None

    return ChildSpec(id="repo", start=body)


async def _prepared(
    options: ConnectOptions, migrations: Sequence[Migration], give_up: float
) -> None:
    while True:
        try:
            await on_asyncio(prepare)(options, migrations)
        except DatabaseAwayError:
            if trio.current_time() >= give_up:
                raise
            await trio.sleep(_LOOK_SECONDS)
        else:
            return
