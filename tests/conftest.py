"""Fixtures of all tests, by name; each is made in `tests/support/`."""

from __future__ import annotations

from tests.support.farm import farm
from tests.support.logs import expect_errors, logged
from tests.support.postgres import (
    asyncio_loop,
    database,
    database_options,
    emitted,
    empty_database,
    postgres,
    spare_cluster,
)

__all__ = [
    "asyncio_loop",
    "database",
    "database_options",
    "emitted",
    "empty_database",
    "expect_errors",
    "farm",
    "logged",
    "postgres",
    "spare_cluster",
]
