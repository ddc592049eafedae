"""Two controllers on one database hear each other, and notice when they do not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from actors.domain.events import ListenerFound, ListenerLost
from actors.kernel.ref import Ref
from actors.pubsub.actor import pubsub_spec
from actors.pubsub.messages import Announce, PubSub, Topic
from actors.store.database import ConnectOptions, Database
from tests.support.grown_actor import GrownActor, grown_actor

NOTICE_SECONDS = 5.0


class Listening:
    """A controller's pubsub, and what it was told."""

    def __init__(self, node: str) -> None:
        self.ref = Ref[PubSub](node)
        self.events: list[object] = []
        self.looks = 0
        self.actor: GrownActor
        self._news = trio.Event()

    def look(self) -> None:
        """Be told to look."""
        self.looks += 1
        self._news.set()
        self._news = trio.Event()

    async def looked(self, times: int) -> None:
        """Wait until it was told so often."""
        with trio.fail_after(NOTICE_SECONDS):
            while self.looks < times:
                await self._news.wait()


@asynccontextmanager
async def pubsub(
    node: str, database: Database, options: ConnectOptions
) -> AsyncIterator[Listening]:
    """Run one, and wait until it listens: a new connection is a reason to look."""
    one = Listening(node)
    spec = pubsub_spec(one.ref, node, database, options, {Topic.WORK: one.look}, one.events.append)
    async with grown_actor(spec) as actor:
        one.actor = actor
        await one.looked(1)
        yield one


async def _cut(database: Database) -> None:
    """End every listening session on the server."""
    await database.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where query ilike 'listen%' and datname = current_database()"
    )


async def test_an_announcement_is_heard_by_the_others_only(
    database: Database, database_options: ConnectOptions
) -> None:
    """Who announces has looked himself."""
    async with (
        pubsub("one", database, database_options) as one,
        pubsub("two", database, database_options) as two,
    ):
        one.ref.cast(Announce(Topic.WORK))
        await two.looked(2)
        two.ref.cast(Announce(Topic.WORK))
        await one.looked(2)
        assert (one.looks, two.looks) == (2, 2)


async def test_a_cut_listener_comes_back_and_looks(
    database: Database, database_options: ConnectOptions
) -> None:
    """Notices between two connections are lost, so the second one is a reason to look."""
    async with (
        pubsub("one", database, database_options) as one,
        pubsub("two", database, database_options) as two,
    ):
        await _cut(database)
        await one.looked(2)
        await two.looked(2)
        assert [type(event) for event in one.events] == [ListenerLost, ListenerFound]
        one.ref.cast(Announce(Topic.WORK))
        await two.looked(3)


async def test_a_killed_pubsub_leaves_no_connection_and_its_next_life_looks(
    database: Database, database_options: ConnectOptions
) -> None:
    """The connection ends with the process that owns it."""
    async with pubsub("one", database, database_options) as one:
        await one.actor.kill()
        await one.looked(2)
    left = (
        "select count(*) from pg_stat_activity"
        " where query ilike 'listen%' and datname = current_database()"
    )
    with trio.fail_after(NOTICE_SECONDS):
        while await database.fetchval(left):
            await trio.lowlevel.checkpoint()


async def test_unknown_topics_of_newer_controllers_are_passed_over(
    database: Database, database_options: ConnectOptions
) -> None:
    """Two versions may run on one database during a rolling restart."""
    async with pubsub("one", database, database_options) as one:
        await database.execute("select pg_notify('expo_controller', 'newer something')")
        await database.execute("select pg_notify('expo_controller', 'garbage')")
        await database.execute("select pg_notify('expo_controller', 'newer work')")
        await one.looked(2)
        assert one.actor.generation == 1
