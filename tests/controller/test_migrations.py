"""The way to the present schema, and the sentences an operator reads when it is barred."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest
import trio

from actors.store.bridge import on_asyncio
from actors.store.database import ConnectOptions
from actors.store.failures import DatabaseSetupError
from actors.store.migrate import Migration, prepare, state
from controller.migrations import load
from tests.support.postgres import LOCKED_USER, PASSWORD, PostgresServer

SCHEMA = Path(__file__).parents[2] / "schema.sql"
CATALOG = {
    "columns": """
        select c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
            a.attidentity::text, pg_get_expr(d.adbin, d.adrelid)
        from pg_class c join pg_attribute a on a.attrelid = c.oid
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relnamespace = 'public'::regnamespace and a.attnum > 0 and not a.attisdropped""",
    "tables": """
        select relname, relkind::text, reloptions::text, obj_description(oid, 'pg_class')
        from pg_class where relnamespace = 'public'::regnamespace""",
    "constraints": """
        select conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        from pg_constraint where connamespace = 'public'::regnamespace""",
    "indexes": """
        select tablename, indexname, indexdef from pg_indexes where schemaname = 'public'""",
    "functions": """
        select proname, pg_get_functiondef(oid), obj_description(oid, 'pg_proc')
        from pg_proc where pronamespace = 'public'::regnamespace""",
    "triggers": """
        select tgrelid::regclass::text, tgname, pg_get_triggerdef(oid)
        from pg_trigger where not tgisinternal""",
}


async def describe(options: ConnectOptions) -> dict[str, set[str]]:
    """Write down everything in the catalog that is ours; asyncio side."""
    link = await asyncpg.connect(**options.arguments)
    try:
        return {
            kind: {
                repr(tuple(row))
                for row in await link.fetch(sql)
                if "schema_migrations" not in repr(row)
            }
            for kind, sql in CATALOG.items()
        }
    finally:
        await link.close()


async def run(options: ConnectOptions, statement: str) -> str | None:
    """Run something as the operator would with psql; returns the first value, if any."""

    async def work() -> str | None:
        link = await asyncpg.connect(**options.arguments)
        try:
            rows = await link.fetch(statement) if statement.startswith("select") else None
            if rows is None:
                await link.execute(statement)
            return rows[0][0] if rows else None
        finally:
            await link.close()

    return await on_asyncio(work)()


async def refusal(options: ConnectOptions) -> str:
    """Return the sentence with which `prepare` refuses."""
    with pytest.raises(DatabaseSetupError) as caught:
        await on_asyncio(prepare)(options, load())
    text = str(caught.value)
    assert PASSWORD not in text
    assert "\n" not in text
    return text


async def test_all_migrations_add_up_to_the_schema(
    empty_database: ConnectOptions, database_options: ConnectOptions
) -> None:
    """`schema.sql` and the sum of the migrations make the same catalog, comments included."""
    await run(empty_database, SCHEMA.read_text(encoding="utf-8"))
    drawn, migrated = (
        await on_asyncio(describe)(empty_database),
        await on_asyncio(describe)(database_options),
    )
    assert len(drawn["columns"]) > 30
    for kind, entries in drawn.items():
        assert migrated[kind] == entries, kind


async def test_preparing_twice_changes_nothing(empty_database: ConnectOptions) -> None:
    """The second start finds everything applied."""
    known = len(load())
    assert (await on_asyncio(state)(empty_database, known)).applied == 0
    for _ in range(2):
        assert (await on_asyncio(prepare)(empty_database, load())).applied == known
    assert (await on_asyncio(state)(empty_database, known)).applied == known


async def test_two_controllers_migrating_at_once_apply_once(empty_database: ConnectOptions) -> None:
    """One waits for the other and then finds nothing left to do."""
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(on_asyncio(prepare), empty_database, load())
    assert await run(empty_database, "select count(*)::text from schema_migrations") == str(
        len(load())
    )


async def test_a_failing_step_leaves_the_ones_before(empty_database: ConnectOptions) -> None:
    """Each step is a transaction: what failed left no trace, what was done stays."""
    bad = Migration(len(load()) + 1, "bad", "create table half (); select nonsense")
    with pytest.raises(DatabaseSetupError, match="nonsense"):
        await on_asyncio(prepare)(empty_database, [*load(), bad])
    assert (await on_asyncio(state)(empty_database, len(load()))).applied == len(load())
    assert await run(empty_database, "select to_regclass('half')::text") is None


async def test_a_newer_schema_is_refused(database_options: ConnectOptions) -> None:
    """An old controller does not touch a database that a newer one has changed."""
    await run(database_options, "insert into schema_migrations (version, name) values (9999, 'x')")
    text = await refusal(database_options)
    assert text.startswith("the database has schema version 9999, this controller knows ")


async def test_a_wrong_password_is_named_and_not_shown(
    postgres: PostgresServer,
    asyncio_loop: None,  # noqa: ARG001 - must be open
) -> None:
    """The sentence says that the password is wrong and where, and no more."""
    wrong = postgres.options("postgres", user=LOCKED_USER, password=PASSWORD + "!")
    text = await refusal(wrong)
    assert "refuses the user or password" in text
    assert wrong.where in text


async def test_a_user_without_rights_is_told(
    postgres: PostgresServer,
    asyncio_loop: None,  # noqa: ARG001 - must be open
) -> None:
    """A user that may connect but not create is told just that."""
    text = await refusal(postgres.options("postgres", user=LOCKED_USER, password=PASSWORD))
    assert "may not create our tables" in text


async def test_a_missing_database_is_named(
    postgres: PostgresServer,
    asyncio_loop: None,  # noqa: ARG001 - must be open
) -> None:
    """A database that does not exist is not called an outage."""
    assert "does not exist" in await refusal(postgres.options("no_such_database"))


async def test_a_server_that_is_not_there_is_said_to_be_so(
    postgres: PostgresServer,
    asyncio_loop: None,  # noqa: ARG001 - must be open
    tmp_path: Path,
) -> None:
    """Neither a socket that is missing nor a closed port needs a traceback."""
    for host in (str(tmp_path), "127.0.0.1"):
        text = await refusal(postgres.options("postgres", host=host, port="1"))
        assert text.startswith("no database answers at ")


async def test_an_unreadable_address_is_not_repeated(
    asyncio_loop: None,  # noqa: ARG001 - must be open
) -> None:
    """A mistyped address may hold the password anywhere, so nothing of it is shown."""
    options = ConnectOptions(where="?", arguments={"dsn": f"mysql://u:{PASSWORD}@h/d"})
    assert "is not the address of a PostgreSQL database" in await refusal(options)


def test_migrations_are_numbered_without_a_gap() -> None:
    """The loader gives them in order, from 1."""
    assert [step.version for step in load()] == list(range(1, len(load()) + 1))
