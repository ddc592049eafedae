"""No file without an owner stays, and none with an owner goes."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from actors.domain.artifact import Kind, location_of
from actors.domain.events import StraysRemoved
from actors.domain.ids import new_id
from actors.janitor import actor as module
from actors.janitor.actor import STRAY_SECONDS, janitor_spec
from actors.storage.filesystem import INCOMING, FileStore, StorageSetupError
from actors.store import queue
from supervisors.errors import StartError
from supervisors.process import Runtime
from supervisors.root import run_tree
from supervisors.supervisor import supervisor
from tests.actors.store.farm import stored, submission
from tests.support.grown_actor import GrownActor, grown_actor
from tests.support.watched_database import Events, Outlet

OLD = STRAY_SECONDS + 60


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    """Make an empty storage."""
    store = FileStore(tmp_path / "storage")
    store.prepare()
    return store


def put(store: FileStore, location: str, *, age: float = OLD) -> Path:
    """Write a file that nobody has touched for `age` seconds."""
    path = store.root / location
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"bytes")
    os.utime(path, (time.time() - age,) * 2)
    return path


def stray(store: FileStore, *, age: float = OLD) -> Path:
    """Write a stored file without a row."""
    return put(store, location_of(Kind.SOURCE, new_id()), age=age)


async def owned(store: FileStore, outlet: Outlet) -> Path:
    """Write an old file that belongs to a build."""
    file = replace(stored(), location=location_of(Kind.SOURCE, new_id()))
    await queue.submit(outlet.db, [replace(submission(), files=(file,))])
    return put(store, file.location)


@asynccontextmanager
async def sweeping(outlet: Outlet, store: FileStore, events: Events) -> AsyncIterator[GrownActor]:
    """Run a janitor."""
    async with grown_actor(janitor_spec(outlet.db, store, events)) as actor:
        yield actor


async def test_a_sweep_removes_strays_and_nothing_else(
    outlet: Outlet, store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Owned and young files stay, in however many batches they are looked at."""
    monkeypatch.setattr(module, "_BATCH", 3)
    strays = [stray(store) for _ in range(7)] + [put(store, f"{INCOMING}/forgotten")]
    kept = [await owned(store, outlet) for _ in range(7)]
    running = store.create(location_of(Kind.SOURCE, new_id()))
    os.utime(running.path, (time.time() - OLD,) * 2)
    kept += [stray(store, age=60), running.path]
    events = Events()
    async with sweeping(outlet, store, events):
        assert await events.seen(StraysRemoved) == StraysRemoved(len(strays))
    assert [path for path in strays if path.exists()] == []
    assert all(path.exists() for path in kept)
    running.drop()


async def test_nothing_to_remove_is_no_event(outlet: Outlet, store: FileStore) -> None:
    """A clean storage is not worth a line."""
    kept = await owned(store, outlet)
    events = Events()
    async with sweeping(outlet, store, events):
        await outlet.db.asked("known_locations", 1)
    assert not events
    assert kept.exists()


async def test_a_kill_in_the_middle_is_repeated_by_the_next_life(
    outlet: Outlet, store: FileStore
) -> None:
    """A sweep that was cut off is done at the next start."""
    lost, kept = stray(store), await owned(store, outlet)
    events = Events()
    stop = outlet.db.stop("known_locations", after=True)
    async with sweeping(outlet, store, events) as actor:
        await stop.reached.wait()
        assert lost.exists()
        await actor.kill()
        await events.seen(StraysRemoved)
    assert not lost.exists()
    assert kept.exists()


async def test_without_the_rows_nothing_is_judged(
    outlet: Outlet, store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the database is away no file goes; the next sweep makes up for it."""
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.05)
    lost = stray(store)
    events = Events()
    await outlet.unplug()
    async with sweeping(outlet, store, events) as actor:
        await outlet.db.asked("known_locations", 2)
        assert lost.exists()
        outlet.plug_in()
        await events.seen(StraysRemoved)
        assert actor.generation == 1
    assert not lost.exists()


async def test_a_file_that_cannot_be_deleted_stops_no_other(
    outlet: Outlet, store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays for the next sweep, and the controller does not die of it."""
    fast, stuck = stray(store), stray(store)
    unlink = Path.unlink

    def refuse(path: Path, *, missing_ok: bool = False) -> None:
        if path == stuck:
            raise PermissionError(1, "Operation not permitted")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    events = Events()
    async with sweeping(outlet, store, events) as actor:
        assert await events.seen(StraysRemoved) == StraysRemoved(1)
        assert actor.generation == 1
    assert not fast.exists()
    assert stuck.exists()


async def test_a_folder_that_cannot_be_used_is_told_at_the_start(
    outlet: Outlet, tmp_path: Path
) -> None:
    """The start fails with a sentence for the operator."""
    (tmp_path / "file").write_bytes(b"")
    spec = janitor_spec(outlet.db, FileStore(tmp_path / "file"), Events())
    with pytest.raises(StartError) as caught:
        await run_tree(supervisor("root", [spec]), Runtime())
    error = caught.value.reason.primary
    assert isinstance(error, StorageSetupError)
    assert str(tmp_path / "file") in str(error)
