"""Bring a database to the schema this program knows; forward only, one controller at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actors.store.failures import OUTAGES, DatabaseAwayError, DatabaseSetupError, explain

if TYPE_CHECKING:
    from actors.store.database import ConnectOptions
    from actors.store.job import Link

import asyncpg

_LOCK = 0x6578706F  # any number, the same in every controller
_TABLE = """
create table if not exists schema_migrations (
    version integer primary key, name text not null, applied_at timestamptz not null default now()
)
"""
_OLDEST = 140000


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step; `sql` is run in a transaction of its own."""

    version: int
    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class SchemaState:
    """How far a database is: `applied` of `known` steps."""

    applied: int
    known: int


async def prepare(options: ConnectOptions, migrations: Sequence[Migration]) -> SchemaState:
    """Connect once, check the server and apply what is missing; asyncio side.

    Raises `DatabaseSetupError` with one sentence for the operator, `DatabaseAwayError` when it may
    help to wait.
    """
    link = await _connect(options)
    try:
        await _check_version(link)
        return await _apply(link, migrations)
    except asyncpg.PostgresError as error:
        raise DatabaseSetupError(explain(error, options.where)) from error
    finally:
        await link.close(timeout=5)


async def state(options: ConnectOptions, known: int) -> SchemaState:
    """Say how far the database is, changing nothing; asyncio side."""
    link = await _connect(options)
    try:
        if await link.fetchval("select to_regclass('schema_migrations')") is None:
            return SchemaState(0, known)
        applied = await link.fetchval("select coalesce(max(version), 0) from schema_migrations")
        return SchemaState(applied, known)
    finally:
        await link.close(timeout=5)


async def _connect(options: ConnectOptions) -> Link:
    try:
        return await options.connect()
    except OUTAGES as error:
        raise DatabaseAwayError(explain(error, options.where)) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise DatabaseSetupError(explain(error, options.where)) from error


async def _check_version(link: Link) -> None:
    found = int(await link.fetchval("show server_version_num"))
    if found < _OLDEST:
        raise DatabaseSetupError(
            f"the database server is version {found // 10000}; 14 or newer is needed"
        )


async def _apply(link: Link, migrations: Sequence[Migration]) -> SchemaState:
    await link.execute("select pg_advisory_lock($1)", _LOCK)
    await link.execute(_TABLE)
    applied: int = await link.fetchval("select coalesce(max(version), 0) from schema_migrations")
    known = len(migrations)
    if applied > known:
        raise DatabaseSetupError(
            f"the database has schema version {applied}, this controller knows {known}: "
            "start a newer controller, or restore a backup made before the update"
        )
    for step in migrations[applied:]:
        async with link.transaction():
            await link.execute(step.sql)
            await link.execute(
                "insert into schema_migrations (version, name) values ($1, $2)",
                step.version,
                step.name,
            )
    return SchemaState(known, known)
