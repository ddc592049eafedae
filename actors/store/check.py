"""The laws of `check.sql` held against all rows, as they are at one moment; changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from actors.store.failures import OUTAGES, DatabaseSetupError, explain
from actors.store.queries import load

if TYPE_CHECKING:
    from actors.store.database import ConnectOptions
    from actors.store.job import Link

SHOWN = 10
"""How many offenders of a law are named."""
_SQL = load("check.sql")
_FILES = "stored"
LAWS = tuple(name for name in _SQL if name != _FILES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A law, and those that break it: the first `SHOWN` in words, `more` when there are others."""

    name: str
    law: str
    offenders: tuple[str, ...]
    more: bool = False


@dataclass(frozen=True, slots=True)
class Expected:
    """What must lie at a location of the storage."""

    location: str
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Checked:
    """A finding for every law, kept or broken, and what must be in the storage."""

    findings: tuple[Finding, ...]
    files: tuple[Expected, ...]


async def check(options: ConnectOptions, *, files: bool) -> Checked:
    """Hold every law against one snapshot; `files` reads what must be stored, too. asyncio side.

    Safe while controllers work on the database. Raises `DatabaseSetupError` with one sentence for
    the operator.
    """
    try:
        link = await options.connect()
    except (*OUTAGES, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise DatabaseSetupError(explain(error, options.where)) from error
    try:
        async with link.transaction(isolation="repeatable_read", readonly=True):
            await link.execute("set local statement_timeout = 0")
            findings = [await _hold(link, name) for name in LAWS]
            rows = await link.fetch(_SQL[_FILES]) if files else []
            stored = [Expected(row["location"], row["size"], row["sha256"]) for row in rows]
            return Checked(tuple(findings), tuple(stored))
    except (*OUTAGES, asyncpg.PostgresError) as error:
        raise DatabaseSetupError(explain(error, options.where)) from error
    finally:
        await link.close(timeout=5)


def finding(name: str, law: str, offenders: Sequence[str]) -> Finding:
    """Sum up the offenders of a law, which may be many."""
    more = len(offenders) > SHOWN
    return Finding(name=name, law=law, offenders=tuple(offenders[:SHOWN]), more=more)


async def _hold(link: Link, name: str) -> Finding:
    sql = _SQL[name]
    rows = await link.fetch(f"select * from (\n{sql.rstrip(';')}\n) as broken limit {SHOWN + 1}")  # noqa: S608 - our own statements
    return finding(name, _law(sql), [row[0] for row in rows])


def _law(sql: str) -> str:
    """Return the comment in front of a statement: its law."""
    lines: list[str] = []
    for line in sql.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    return " ".join(lines)
