"""Every named statement is good SQL on the real schema."""

from __future__ import annotations

import pytest

from actors.store.database import Database
from actors.store.queries import files, load

STATEMENTS = [(file, name, sql) for file in files() for name, sql in load(file).items()]


@pytest.mark.parametrize(
    ("file", "name", "sql"), STATEMENTS, ids=[f"{file}:{name}" for file, name, _ in STATEMENTS]
)
async def test_every_statement_prepares(file: str, name: str, sql: str, database: Database) -> None:
    """The server accepts names, types and parameters of each statement."""
    await database.run(lambda link: link.prepare(sql), f"{file}:{name}")
