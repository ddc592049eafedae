"""The list of nodes says who lives."""

from __future__ import annotations

import trio

from actors.domain.events import NodeVanished
from actors.membership.actor import membership_spec
from actors.store import nodes
from actors.store.database import Database
from actors.store.nodes import Identity, Node
from tests.support.grown_actor import grown_actor

LIMIT = 10.0


def _who(name: str) -> Identity:
    return Identity(id=name, host="here", pid=1, version="0")


async def _listed(database: Database, *names: str) -> list[Node]:
    """Wait until exactly these nodes are listed."""
    with trio.fail_after(LIMIT):
        while True:
            found = await nodes.list_nodes(database)
            if [node.id for node in found] == list(names):
                return found


async def test_a_node_is_listed_while_it_lives(database: Database) -> None:
    """It says hello at the start and goodbye at the stop."""
    async with grown_actor(membership_spec(database, _who("one"), [].append)):
        [node] = await _listed(database, "one")
        assert (node.host, node.pid, node.version) == ("here", 1, "0")
        async with grown_actor(membership_spec(database, _who("two"), [].append)):
            await _listed(database, "one", "two")
        await _listed(database, "one")
    assert await nodes.list_nodes(database) == []


async def test_a_killed_node_is_dropped_by_the_others(database: Database) -> None:
    """It says no goodbye, but its silence does."""
    await nodes.seen(database, _who("killed"))
    await database.execute("update nodes set seen_at = now() - interval '1 minute'")
    events: list[object] = []
    async with grown_actor(membership_spec(database, _who("one"), events.append)):
        await _listed(database, "one")
        with trio.fail_after(LIMIT):
            while not events:
                await trio.lowlevel.checkpoint()
    assert events == [NodeVanished("killed")]


async def test_a_restarted_membership_is_the_same_node(database: Database) -> None:
    """The row belongs to the program, not to a life of its actor."""
    async with grown_actor(membership_spec(database, _who("one"), [].append)) as actor:
        [before] = await _listed(database, "one")
        await actor.kill()
        [after] = await _listed(database, "one")
        assert before.started_at == after.started_at
