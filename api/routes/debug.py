"""The window for operators: the living tree, and a way to kill any process in it."""

from __future__ import annotations

import structlog

from api.errors import Refusal
from api.exchange import Outcome, Reply, Request, json_reply
from api.reading import read_as
from api.wire.debug import Killed, TreeNode, Victim
from supervisors.process import Process
from supervisors.snapshot import Node, draw, find, picture

log = structlog.get_logger()


async def tree(request: Request) -> Outcome:
    """Show the tree as JSON, or as text with `?format=text`."""
    node = picture(_root(request))
    if request.query.get("format") == "text":
        headers = ((b"content-type", b"text/plain; charset=utf-8"),)
        return Reply((draw(node) + "\n").encode(), headers=headers)
    return json_reply(_shape(node))


async def kill(request: Request) -> Outcome:
    """Kill the process at a path, as a crash would; its supervisor does the rest."""
    path = read_as(request, Victim, 'path required, such as "orchestration/queue_manager"').path
    process = find(_root(request), path)
    if process is None:
        raise Refusal(404, f"No process at {path}")
    log.warning("debug.killed", path=path, generation=process.generation)
    process.kill()
    return json_reply(Killed(path, process.generation))


def _root(request: Request) -> Process:
    root = request.services.root()
    if root is None:
        raise Refusal(503, "The tree is still starting")
    return root


def _shape(node: Node) -> TreeNode:
    return TreeNode(
        path=node.path,
        id=node.id,
        kind=node.kind,
        state=node.state,
        restart=node.restart,
        generation=node.generation,
        restarts=node.restarts,
        uptime=node.uptime,
        why=list(node.why),
        facts={key: str(value) for key, value in node.facts.items()},
        children=[_shape(child) for child in node.children],
    )
