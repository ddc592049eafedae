"""The window on all controllers of a database, and not only on the one that answers."""

from __future__ import annotations

import time

from actors.store import nodes
from api.exchange import Outcome, Request, json_reply
from api.wire.nodes import NodeListed, NodesListed


async def list_nodes(request: Request) -> Outcome:
    """List the controllers on this database; `here` marks the one that answers."""
    now = time.time_ns() // 1_000_000
    found = [
        NodeListed(
            id=node.id,
            host=node.host,
            pid=node.pid,
            version=node.version,
            up_seconds=max(0.0, (now - node.started_at) / 1000),
            silent_seconds=node.silent_seconds,
            here=node.id == request.services.node,
        )
        for node in await nodes.list_nodes(request.services.db)
    ]
    return json_reply(NodesListed(found))
