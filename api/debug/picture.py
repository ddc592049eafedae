"""The tree as JSON and as text: the picture of the tree, and what only the API knows of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import trio

from actors.kernel import sys
from actors.store.database import Database
from api.debug.stack import stack_of
from supervisors.errors import NoProcError
from supervisors.process import Process
from supervisors.snapshot import Node, find, picture

ROOT = "root"
"""What people call the path ""."""
QUERY = "query"
"""Kind of the leaves that stand for statements in flight on the asyncio side."""
QUERIES = 50
LETTERS = 120

Shape = dict[str, Any]


def full_picture(root: Process, db: Database) -> Node:
    """Draw the tree, with the statements in flight below `repo`."""
    drawn = picture(root)
    children = tuple(
        _with_queries(child, db) if child.id == "repo" else child for child in drawn.children
    )
    return replace(drawn, children=children)


def _with_queries(repo: Node, db: Database) -> Node:
    running = db.in_flight()
    leaves = [_query(number, *one) for number, one in enumerate(running[:QUERIES], 1)]
    return replace(repo, children=(*repo.children, *leaves))


def _query(number: int, label: str, age: float) -> Node:
    statement = " ".join(label.split())
    return Node(
        path=f"repo/query-{number}",
        id=f"query-{number}",
        kind=QUERY,
        state="running",
        restart="temporary",
        generation=1,
        restarts=0,
        uptime=age,
        why=(),
        ago=(),
        zombie=False,
        facts={"age": f"{age:.3f}s", "statement": statement[:LETTERS]},
        children=(),
    )


def shape(node: Node) -> Shape:
    """Return a node and all below as JSON."""
    return {**flat(node), "children": [shape(child) for child in node.children]}


def flat(node: Node) -> Shape:
    """Return one node as JSON, without its children."""
    return {
        "path": node.path,
        "id": node.id,
        "kind": node.kind,
        "state": node.state,
        "restart": node.restart,
        "generation": node.generation,
        "restarts": node.restarts,
        "uptime": node.uptime,
        "why": list(node.why),
        "ago": [round(seconds, 1) for seconds in node.ago],
        "zombie": node.zombie,
        "facts": {key: str(value) for key, value in node.facts.items()},
    }


def with_stack(root: Process, node: Node, path: str) -> Node:
    """Add the stack of the process at `path` to its facts, where it is alive."""
    process = find(root, path)
    if process is None:
        return node
    return _changed(node, {path: {"stack": "\n".join(stack_of(process))}})


async def with_answers(root: Process, node: Node, seconds: float) -> Node:
    """Ask every loop for a sign, all at once; who does not answer in time is marked as such."""
    found: dict[str, Mapping[str, object]] = {}
    async with trio.open_nursery() as nursery:
        for one in node.walk():
            process = find(root, one.path)
            if process is not None and process.system is not None:
                nursery.start_soon(partial(_ask, process, seconds, found))
    return _changed(node, found)


async def _ask(process: Process, seconds: float, found: dict[str, Mapping[str, object]]) -> None:
    try:
        await sys.get_status(process, timeout=seconds)
    except sys.SystemTimeoutError:
        found[process.path] = {"answers": f"not within {seconds:g}s"}
    except NoProcError:
        found[process.path] = {"answers": "ended"}
    else:
        found[process.path] = {"answers": "yes"}


def _changed(node: Node, more: Mapping[str, Mapping[str, object]]) -> Node:
    children = tuple(_changed(child, more) for child in node.children)
    return replace(node, facts={**node.facts, **more.get(node.path, {})}, children=children)
