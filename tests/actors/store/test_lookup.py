"""Reads by key are merged, and nobody gets another one's rows."""

from __future__ import annotations

import trio

from actors.store.database import Database

SQL = "select key, key || '!' as said from unnest($1::text[]) as k (key) where key not like 'no%'"


async def _ask(database: Database, key: str, answers: dict[str, list[str]]) -> None:
    answers[key] = [row["said"] for row in await database.rows_of(SQL, key)]


async def test_everyone_gets_the_rows_of_his_key(database: Database) -> None:
    """A hundred askers at once, and one whose key has no row."""
    answers: dict[str, list[str]] = {}
    async with trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(_ask, database, f"key {number}", answers)
        nursery.start_soon(_ask, database, "nobody", answers)
    assert answers.pop("nobody") == []
    assert answers == {f"key {n}": [f"key {n}!"] for n in range(100)}


async def test_askers_share_statements(database: Database) -> None:
    """However many ask in one moment, a statement a connection serves them all."""
    counted = "select key, pg_backend_pid() || now()::text as said from unnest($1::text[]) k (key)"
    said: list[str] = []

    async def ask(key: str) -> None:
        said.extend(row["said"] for row in await database.rows_of(counted, key))

    async with trio.open_nursery() as nursery:
        for number in range(200):
            nursery.start_soon(ask, f"key {number}")
    assert len(said) == 200
    assert len(set(said)) <= 2 * database.open


async def test_one_who_leaves_takes_no_answer_from_the_others(database: Database) -> None:
    """A client that goes away does not stop the statement that others wait for."""
    answers: dict[str, list[str]] = {}
    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as leaving:
            leaving.cancel()
            await _ask(database, "left", answers)
        nursery.start_soon(_ask, database, "stays", answers)
    assert answers == {"stays": ["stays!"]}
    assert database.describe()["waiting"] == 0
