"""`expo-controller db`: the schema of the database, outside a running controller."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import nullcontext

import click
import trio

from actors.postgres.actor import postgres_spec
from actors.postgres.lock import data_lock
from actors.store import migrate as steps
from actors.store.bridge import on_asyncio
from actors.store.database import ConnectOptions
from actors.store.migrate import SchemaState
from controller import logs, migrations
from controller.host import SETUP_ERRORS, host
from controller.run import SetupError, where_is_the_database
from controller.settings import Settings, read_settings
from supervisors.process import Runtime
from supervisors.supervisor import supervisor

Work = Callable[[ConnectOptions], Awaitable[SchemaState]]


@click.group()
def db() -> None:
    """Look after the database schema; `start` migrates by itself."""


@db.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> None:
    """Say how far the schema is, changing nothing."""
    known = len(migrations.load())
    found = _with_database(lambda options: on_asyncio(steps.state)(options, known))
    _print(found, as_json=as_json)


@db.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def migrate(as_json: bool) -> None:
    """Bring the schema to what this program knows; forward only."""
    known = migrations.load()
    found = _with_database(lambda options: on_asyncio(steps.prepare)(options, known))
    _print(found, as_json=as_json)


def _print(found: SchemaState, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"applied": found.applied, "known": found.known}))
    else:
        state = "up to date" if found.applied == found.known else "behind"
        click.echo(f"schema {found.applied} of {found.known}: {state}")


def _with_database(work: Work) -> SchemaState:
    """Run `work` on the configured database; the embedded one is started for it."""
    settings = read_settings({})
    logs.set_up(level="warning", form=settings.log_format)
    try:
        return trio.run(_work, settings, work)
    except SETUP_ERRORS as error:
        raise SetupError(str(error)) from error


async def _work(settings: Settings, work: Work) -> SchemaState:
    cluster, options = where_is_the_database(settings)
    found: list[SchemaState] = []
    up = trio.Event()
    children = [] if cluster is None else [postgres_spec(cluster)]

    async def beside(scope: trio.CancelScope) -> None:
        await up.wait()
        try:
            found.append(await work(options))
        except SETUP_ERRORS as error:
            failures.append(error)
        scope.cancel()

    failures: list[Exception] = []
    with data_lock(settings.data_dir) if cluster is not None else nullcontext():
        await host(supervisor("root", children), Runtime(), lambda _: up.set(), beside)
    if failures:
        raise failures[0]
    return found[0]
