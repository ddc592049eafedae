"""The controllers that run on this database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from actors.store.database import Database
from actors.store.queries import load

_SQL = load("nodes.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a node is."""

    id: str
    host: str
    pid: int
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node as the others see it; `started_at` in milliseconds since the epoch."""

    id: str
    host: str
    pid: int
    version: str
    started_at: int
    silent_seconds: float


async def seen(db: Database, who: Identity) -> None:
    """Note that a node lives."""
    await db.execute(_SQL["seen"], who.id, who.host, who.pid, who.version)


async def forget_silent(db: Database, seconds: float) -> Sequence[str]:
    """Drop nodes not seen for `seconds`; returns their ids."""
    return [record["id"] for record in await db.fetch(_SQL["forget_silent"], seconds)]


async def leave(db: Database, node_id: str) -> None:
    """Say goodbye."""
    await db.execute(_SQL["leave"], node_id)


async def list_nodes(db: Database) -> list[Node]:
    """Return all nodes, oldest first."""
    return [Node(**dict(record)) for record in await db.fetch(_SQL["list_nodes"])]
