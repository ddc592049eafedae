"""Controllers on one database, on the wire."""

from __future__ import annotations

from msgspec import Struct


class NodeListed(Struct):
    """One controller; `silent_seconds` ago it said that it lives, `here` is who answers."""

    id: str
    host: str
    pid: int
    version: str
    up_seconds: float
    silent_seconds: float
    here: bool


class NodesListed(Struct):
    """All controllers, oldest first; none of them leads."""

    nodes: list[NodeListed]
