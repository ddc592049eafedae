"""Submitting and reading: idempotence, order of lines, figures."""

from __future__ import annotations

from dataclasses import replace

from actors.domain.ids import token_hash
from actors.store import builds, queue
from actors.store.database import Database
from tests.actors.store.farm import (
    grant,
    messages,
    report,
    submission,
    submit,
    workers,
)


async def test_a_repeated_submission_is_the_same_build(database: Database) -> None:
    """Same key: the first build's id, no second build; the tokens of both answers open it."""
    first = submission(key="once")
    again = submission(key="once")
    [made] = await queue.submit(database, [first])
    [same] = await queue.submit(database, [again])
    assert (made.made, same.made) == (True, False)
    assert (same.id, same.submitted_at) == (made.id, made.submitted_at)
    for one in (first, again):
        assert await builds.token_opens(database, made.id, one.token_hash)
    assert not await builds.token_opens(database, made.id, token_hash("guess"))
    assert await messages(database, made.id) == ["Build submitted"]
    assert await builds.known_locations(
        database, [first.files[0].location, again.files[0].location]
    ) == {first.files[0].location}


async def test_submissions_are_answered_in_their_order(database: Database) -> None:
    """A batch of new and repeated submissions: one answer each, in the order asked."""
    old = submission(key="old")
    await queue.submit(database, [old])
    batch = [submission(), replace(submission(), submit_key="old"), submission()]
    answers = await queue.submit(database, batch)
    assert [answer.id for answer in answers] == [batch[0].id, old.id, batch[2].id]
    assert [answer.made for answer in answers] == [True, False, True]


async def test_the_list_is_newest_first(database: Database) -> None:
    """Builds of one statement share a time and still keep their order."""
    ids = await submit(database, 3)
    assert [row["id"] for row in await builds.list_builds(database)] == ids[::-1]
    assert [row["id"] for row in await builds.recent_builds(database, 2)] == ids[:0:-1]


async def test_log_lines_keep_their_order(database: Database) -> None:
    """Lines come out as they went in, also hundreds in one statement; strangers' are dropped."""
    one, two = await submit(database, 2)
    lines = [(one if i % 3 else two, "info", f"line {i}") for i in range(300)]
    await builds.append_logs(database, [*lines, ("x" * 21, "info", "of no build")])
    await builds.append_logs(database, [(one, "error", "the last")])
    found = [row["message"] for row in await builds.read_logs(database, one)]
    expected = [text for build_id, _, text in lines if build_id == one]
    assert found == ["Build submitted", *expected, "the last"]


async def test_the_figures_are_true(database: Database) -> None:
    """Counts of builds and workers, and the summed time of the finished ones."""
    await submit(database, 5)
    names = await workers(database, 3)
    jobs = [await grant(database, name) for name in names]
    await queue.settle(
        database, [report(jobs[0], names[0]), report(jobs[1], names[1], success=False)]
    )
    await queue.unregister(database, names[1])
    await database.execute(
        "update builds set started_at = completed_at - interval '90 seconds' where id = any ($1)",
        [jobs[0].build_id, jobs[1].build_id],
    )
    figures = await builds.stats(database)
    assert (figures.nodes_online, figures.builds_queued, figures.active_builds) == (2, 2, 1)
    assert (figures.builds_today, figures.total_builds) == (1, 2)
    assert figures.total_build_time_ms == 180_000
    assert await builds.queue_counts(database) == (2, 1)
    assert [row["id"] for row in await builds.list_active(database)] == [jobs[2].build_id]
