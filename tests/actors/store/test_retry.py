"""A retry is one statement: files shared, both logs, or nothing; whoever deletes files waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from actors.domain.artifact import Kind
from actors.domain.ids import new_id, token_hash
from actors.store import builds, queue
from actors.store.database import Database
from actors.store.retry import Retrial, retry
from tests.actors.store.farm import messages, submission

if TYPE_CHECKING:
    from actors.store.job import Link

BOTH = (Kind.SOURCE, Kind.CERTS)


def retrial(original_id: str, key: str | None = None, kinds: tuple[Kind, ...] = BOTH) -> Retrial:
    """Describe a retry."""
    return Retrial(
        id=new_id(),
        original_id=original_id,
        token_hash=token_hash(new_id()),
        submit_key=key or new_id(),
        kinds=kinds,
    )


async def original(db: Database, *, certs: bool = True) -> str:
    """Submit a build."""
    (made,) = await queue.submit(db, [submission("android", certs=certs)])
    return made.id


async def locations(db: Database, build_id: str) -> list[str]:
    """Return where the files of a build lie."""
    return [stored.location for stored in await builds.inputs(db, build_id)]


async def test_files_are_shared_by_rows_of_their_own(database: Database) -> None:
    """The same places under new ids."""
    old = await original(database)
    made = await retry(database, retrial(old))
    assert made is not None
    assert (made.platform, made.made) == ("android", True)
    assert await locations(database, made.id) == await locations(database, old)
    assert len(await locations(database, old)) == 2
    ids = {one.id for build in (old, made.id) for one in await builds.inputs(database, build)}
    assert len(ids) == 4
    assert await messages(database, made.id) == [f"Build submitted (retry of {old})"]
    assert await messages(database, old) == ["Build submitted", f"Retried as build {made.id}"]


async def test_only_the_wanted_kinds_are_shared(database: Database) -> None:
    """Certificates whose bytes are gone get no row; ones that never were, neither."""
    for certs in (True, False):
        old = await original(database, certs=certs)
        made = await retry(database, retrial(old, kinds=BOTH if not certs else (Kind.SOURCE,)))
        assert made is not None
        (source,) = await builds.inputs(database, made.id)
        assert source.kind is Kind.SOURCE


async def test_without_a_source_nothing_is_made(database: Database) -> None:
    """No build, no line; the same for an original that is not there."""
    old = await original(database)
    await database.execute("delete from artifacts where kind = 'source'")
    for build_id in (old, new_id()):
        assert await retry(database, retrial(build_id)) is None
    assert await database.fetchval("select count(*) from builds") == 1
    assert await messages(database, old) == ["Build submitted"]


async def test_a_repetition_is_the_same_retry(database: Database) -> None:
    """By its key: after a lost answer under the same id, or from another request."""
    old = await original(database)
    first = retrial(old, key="k")
    one, two = await retry(database, first), await retry(database, first)
    three = await retry(database, retrial(old, key="k"))
    assert one is not None
    assert two is not None
    assert three is not None
    assert {one.id, two.id, three.id} == {first.id}
    assert (one.made, two.made, three.made) == (True, False, False)
    assert len(await messages(database, old)) == 2
    assert len(await locations(database, first.id)) == 2


async def _while_deleting(database: Database, old: str, statement: str) -> tuple[object, list[str]]:
    """Retry while a transaction has deleted and not committed yet; result, and what happened."""
    happened: list[str] = []
    results: list[object] = []
    deleted, go = trio.Event(), trio.Event()

    async def delete(link: Link) -> None:
        async with link.transaction():
            await link.execute(statement, old)
            deleted.set()
            while not go.is_set():
                await link.fetchval("select pg_sleep(0.001)")
            happened.append("deleted")

    async def once() -> None:
        await deleted.wait()
        nursery.start_soon(open_the_gate)
        results.append(await retry(database, retrial(old)))
        happened.append("retried")

    async def open_the_gate() -> None:
        waiting = "select exists (select from pg_locks where not granted)"
        while not results and not await database.fetchval(waiting):
            await trio.lowlevel.checkpoint()
        go.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.run, delete, "delete")
        nursery.start_soon(once)
    return results[0], happened


async def test_a_retry_waits_for_a_deletion_and_then_finds_nothing(database: Database) -> None:
    """Of the file's row, or of the whole build: no row ever names bytes that may be gone."""
    for statement in (
        "delete from artifacts where build_id = $1 and kind = 'source'",
        "delete from builds where id = $1",
    ):
        old = await original(database)
        result, happened = await _while_deleting(database, old, statement)
        assert (result, happened) == (None, ["deleted", "retried"])


async def test_a_deletion_waits_for_a_retry_and_then_sees_its_rows(database: Database) -> None:
    """So that the bytes stay: their place is known by another row."""
    old = await original(database)
    places = await locations(database, old)
    pool = [retrial(old) for _ in range(8)]

    async def once(one: Retrial) -> None:
        await retry(database, one)

    async def delete() -> None:
        await database.execute("delete from builds where id = $1", old)

    async with trio.open_nursery() as nursery:
        for number, one in enumerate(pool):
            nursery.start_soon(once, one)
            if number == 4:
                nursery.start_soon(delete)
    made = await database.fetchval("select count(*) from builds")
    known = await builds.known_locations(database, places)
    assert known == (set(places) if made else set())
    shared = "select count(*) from artifacts where kind = 'source'"
    assert await database.fetchval(shared) == made
