"""`expo-controller db`: the schema of the database, outside a running controller."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from typing import TypeVar

import click
import trio

from actors.postgres.actor import postgres_spec
from actors.postgres.cluster import Cluster
from actors.postgres.errors import FolderInUseError
from actors.postgres.lock import data_lock
from actors.storage import audit
from actors.storage.filesystem import FileStore
from actors.store import check as laws
from actors.store import migrate as steps
from actors.store.bridge import on_asyncio
from actors.store.check import Checked, Finding
from actors.store.database import ConnectOptions
from actors.store.migrate import SchemaState
from controller import logs, migrations
from controller.host import SETUP_ERRORS, host
from controller.run import SetupError, where_is_the_database
from controller.settings import read_settings
from supervisors.process import Runtime
from supervisors.supervisor import supervisor

T = TypeVar("T")

VIOLATED = 4
"""Exit code of `check` when something is not as it must be."""


@click.group()
def db() -> None:
    """Look after the database; `start` migrates its schema by itself."""


@db.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> None:
    """Say how far the schema is, changing nothing."""
    known = len(migrations.load())
    found = _with_database(
        lambda options: on_asyncio(steps.state)(options, known), beside_a_controller=True
    )
    _print(found, as_json=as_json)


@db.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def migrate(as_json: bool) -> None:
    """Bring the schema to what this program knows; forward only."""
    known = migrations.load()
    found = _with_database(lambda options: on_asyncio(steps.prepare)(options, known))
    _print(found, as_json=as_json)


@db.command()
@click.option("--files", is_flag=True, help="Read every stored file and compare its SHA-256.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(files: bool, as_json: bool) -> None:
    """Hold what must always be true against all rows; changes nothing.

    May run beside controllers at work: it sees all rows as they were at one moment. Ends with 0
    when every law holds, with 4 when one is broken.
    """
    checked = _with_database(
        lambda options: on_asyncio(laws.check)(options, files=files), beside_a_controller=True
    )
    findings = [*checked.findings, *(_audit(checked) if files else ())]
    _show(findings, as_json=as_json)
    sys.exit(VIOLATED if any(one.offenders for one in findings) else 0)


def _audit(checked: Checked) -> Iterator[Finding]:
    store = FileStore(read_settings({}).storage_dir)
    yield laws.finding(
        "files_are_whole",
        "Every file that a row names is there, with its size and SHA-256.",
        list(audit.damaged(store, checked.files)),
    )
    yield laws.finding(
        "no_stray_files",
        "Every stored file older than a day belongs to a row.",
        list(audit.strays(store, checked.files)),
    )


def _show(findings: list[Finding], *, as_json: bool) -> None:
    if as_json:
        rows = [
            {
                "name": one.name,
                "law": one.law,
                "holds": not one.offenders,
                "offenders": list(one.offenders),
                "more": one.more,
            }
            for one in findings
        ]
        click.echo(json.dumps({"holds": all(row["holds"] for row in rows), "laws": rows}))
        return
    for one in findings:
        click.echo(f"{'BROKEN' if one.offenders else 'holds ':<7} {one.name}: {one.law}")
        for offender in one.offenders:
            click.echo(f"        {offender}")
        if one.more:
            click.echo("        and more")


def _print(found: SchemaState, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"applied": found.applied, "known": found.known}))
    else:
        state = "up to date" if found.applied == found.known else "behind"
        click.echo(f"schema {found.applied} of {found.known}: {state}")


def _with_database(
    work: Callable[[ConnectOptions], Awaitable[T]], *, beside_a_controller: bool = False
) -> T:
    """Run `work` on the configured database; the embedded one is started for it.

    `beside_a_controller` says that one may be at work: then its embedded server is used.
    """
    settings = read_settings({})
    logs.set_up(level="warning", form=settings.log_format)
    try:
        cluster, options = where_is_the_database(settings)
        with ExitStack() as held:
            if cluster is not None:
                try:
                    held.enter_context(data_lock(settings.data_dir))
                except FolderInUseError:
                    if not beside_a_controller:
                        raise
                    cluster = None
            return trio.run(_work, cluster, options, work)
    except SETUP_ERRORS as error:
        raise SetupError(str(error)) from error


async def _work(
    cluster: Cluster | None,
    options: ConnectOptions,
    work: Callable[[ConnectOptions], Awaitable[T]],
) -> T:
    found: list[T] = []
    failures: list[Exception] = []
    up = trio.Event()
    children = [] if cluster is None else [postgres_spec(cluster)]

    async def beside(scope: trio.CancelScope) -> None:
        await up.wait()
        try:
            found.append(await work(options))
        except SETUP_ERRORS as error:
            failures.append(error)
        scope.cancel()

    await host(supervisor("root", children), Runtime(), lambda _: up.set(), beside)
    if failures:
        raise failures[0]
    return found[0]
