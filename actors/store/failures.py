"""What asyncpg raises, sorted: an outage is waited out, a conflict refused, the rest is a bug."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import asyncpg

from actors.domain.errors import OperatorError

OUTAGES: tuple[type[BaseException], ...] = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
    asyncpg.DiskFullError,
)

AGAIN: tuple[type[BaseException], ...] = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.UniqueViolationError,
)
"""Lost races: the same statement, run again on a fresh snapshot, finds its place."""

_REFUSED: Mapping[type[BaseException], str] = {
    asyncpg.InvalidPasswordError: "the database refuses the user or password in DATABASE_URL",
    asyncpg.InvalidAuthorizationSpecificationError: "the database refuses the user in DATABASE_URL",
    asyncpg.InvalidCatalogNameError: "the database named in DATABASE_URL does not exist",
    asyncpg.InsufficientPrivilegeError: "the database user may not create our tables",
}


class DatabaseSetupError(OperatorError):
    """The database cannot be used as configured; the text is a sentence for the operator."""


class DatabaseAwayError(DatabaseSetupError):
    """No database answers there now; it may be starting."""


def explain(error: BaseException, where: str) -> str:
    """Say in one sentence why the database at `where` (no password) cannot be used."""
    for kind, text in _REFUSED.items():
        if isinstance(error, kind):
            return f"{text} ({where})"
    if isinstance(error, OSError | asyncio.TimeoutError):
        return f"no database answers at {where}: check DATABASE_URL and that the server runs"
    if isinstance(error, ValueError):  # may quote the address, and with it the password
        return "DATABASE_URL is not the address of a PostgreSQL database"
    return f"the database at {where} cannot be used: {type(error).__name__}: {error}"
