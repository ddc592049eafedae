"""Samples of machines are forgotten after 90 days, at the start and every hour."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.domain.events import SamplesForgotten
from actors.janitor import actor as module
from actors.janitor.actor import janitor_spec
from actors.storage.filesystem import FileStore
from actors.store import builds, diagnostics
from tests.actors.store.farm import submit
from tests.support.grown_actor import grown_actor
from tests.support.watched_database import Events, Outlet

FORGET = diagnostics._SQL["forget_samples"]


async def sample(outlet: Outlet, *days: int) -> None:
    """Store samples of these ages."""
    (build_id,) = await submit(outlet.db)
    for age in days:
        await builds.append_samples(outlet.db, [(build_id, float(age), 100.0)])
        await outlet.db.execute(
            "update cpu_samples set at = at - make_interval(days => $1) "
            "where cpu_percent = $1::int",
            age,
        )


async def ages(outlet: Outlet) -> list[int]:
    """Return the ages that are left."""
    rows = await outlet.db.fetch("select cpu_percent from cpu_samples order by 1")
    return [int(row["cpu_percent"]) for row in rows]


async def test_old_samples_are_deleted_at_the_start(
    outlet: Outlet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those older than 90 days, in however many batches."""
    monkeypatch.setattr(diagnostics, "_BATCH", 2)
    await sample(outlet, 0, 89, 91, 92, 93, 94, 400)
    events = Events()
    spec = janitor_spec(outlet.db, FileStore(tmp_path), events)
    async with grown_actor(spec):
        assert await events.seen(SamplesForgotten) == SamplesForgotten(5)
    assert await ages(outlet) == [0, 89]


async def test_old_samples_are_deleted_again_and_again(
    outlet: Outlet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing to delete is no event."""
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.02)
    events = Events()
    async with grown_actor(janitor_spec(outlet.db, FileStore(tmp_path), events)) as actor:
        await outlet.db.asked(FORGET, 2)
        assert not events
        for round_ in (1, 2):
            await sample(outlet, 100 + round_)
            await events.seen(SamplesForgotten, round_)
        assert actor.generation == 1
    assert await ages(outlet) == []


async def test_an_outage_at_the_start_puts_it_off(
    outlet: Outlet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not until the next hour, but until soon."""
    monkeypatch.setattr(module, "OUTAGE_SECONDS", 0.02)
    await sample(outlet, 100)
    events = Events()
    await outlet.unplug()
    async with grown_actor(janitor_spec(outlet.db, FileStore(tmp_path), events)):
        await outlet.db.asked(FORGET, 2)
        outlet.plug_in()
        await events.seen(SamplesForgotten)
    assert await ages(outlet) == []
