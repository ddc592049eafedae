"""`expo-controller db`, and a controller on a database server of the operator's own."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from actors.store.bridge import on_asyncio
from actors.store.database import ConnectOptions
from controller.migrations import load
from tests.support.installed import program, refusal, run

KNOWN = len(load())


def named(options: ConnectOptions) -> dict[str, str]:
    """Return the environment that names this database."""
    given = options.arguments
    return {
        "DATABASE_URL": f"postgresql://{given['user']}@/{given['database']}?host={given['host']}"
    }


def tables(options: ConnectOptions) -> Callable[[], Awaitable[list[str]]]:
    """Return what lists our tables, on the asyncio side."""

    async def work() -> list[str]:
        link = await asyncpg.connect(**options.arguments)
        try:
            rows = await link.fetch("select tablename from pg_tables where schemaname = 'public'")
            return [row[0] for row in rows]
        finally:
            await link.close()

    return on_asyncio(work)


async def test_status_changes_nothing_and_migrate_brings_up_to_date(
    empty_database: ConnectOptions, tmp_path: Path
) -> None:
    """Behind, migrated, up to date; as text and as JSON; no embedded server is touched."""
    around = named(empty_database)
    assert run(tmp_path, "db", "status", environment=around).stdout == (
        f"schema 0 of {KNOWN}: behind\n"
    )
    assert await tables(empty_database)() == []
    done = run(tmp_path, "db", "migrate", "--json", environment=around)
    assert json.loads(done.stdout) == {"applied": KNOWN, "known": KNOWN}
    assert "builds" in await tables(empty_database)()
    again = run(tmp_path, "db", "migrate", environment=around)
    assert again.stdout == f"schema {KNOWN} of {KNOWN}: up to date\n"
    assert not (tmp_path / "data").exists()


async def test_a_schema_from_the_future_is_refused(
    database_options: ConnectOptions, tmp_path: Path
) -> None:
    """An older program does not touch what a newer one made; `status` still tells."""

    async def age() -> None:
        link = await asyncpg.connect(**database_options.arguments)
        try:
            await link.execute("insert into schema_migrations values (999, 'later')")
        finally:
            await link.close()

    await on_asyncio(age)()
    around = named(database_options)
    for command in (("start", "--port", "39999"), ("db", "migrate")):
        said = refusal(run(tmp_path, *command, environment=around))
        assert said.startswith(
            f"the database has schema version 999, this controller knows {KNOWN}"
        )
    assert run(tmp_path, "db", "status", environment=around).stdout.startswith("schema 999 of")


def test_the_embedded_database_is_started_for_the_command(tmp_path: Path) -> None:
    """And stopped again: the next command finds the folder free."""
    assert run(tmp_path, "db", "migrate").stdout == f"schema {KNOWN} of {KNOWN}: up to date\n"
    done = run(tmp_path, "db", "status")
    assert done.stdout == f"schema {KNOWN} of {KNOWN}: up to date\n", done.stderr
    assert done.stderr == ""


async def test_with_a_server_of_its_own_nothing_is_embedded(
    empty_database: ConnectOptions, tmp_path: Path
) -> None:
    """The schema is made there; the data folder gets key and artifacts, no child is started."""
    with program(tmp_path, **named(empty_database)) as started:
        build_id = started.submit()
        assert started.get(f"/api/builds/{build_id}/status").json()["status"] == "pending"
        assert started.children() == []
        names = {path.name for path in (tmp_path / "data").iterdir()}
        assert names == {"api-key", "storage"}
        assert not any("embedded" in line for line in started.welcome)
    assert "builds" in await tables(empty_database)()


@pytest.mark.parametrize("command", [("db", "status"), ("db", "migrate"), ("tree",)])
def test_a_setting_that_cannot_be_used(command: tuple[str, ...], tmp_path: Path) -> None:
    """Every command says so in one sentence."""
    assert refusal(run(tmp_path, *command, environment={"PORT": "x"})).startswith("PORT: ")
