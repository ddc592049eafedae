"""A body becomes a stored file with the right hash, or nothing at all."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors.domain import artifact
from actors.domain.artifact import LIMITS, MEBIBYTE, Kind, Stored
from actors.domain.errors import StorageFullError, TooLargeError
from actors.storage.filesystem import FileStore, IncomingFile
from actors.upload_sink.actor import UploadSinkActor
from actors.upload_sink.upload import STEP, Upload, UploadLostError
from supervisors.dynamic import Door, dynamic_supervisor
from supervisors.events import ChildTerminated
from supervisors.exits import KILLED, Crash
from supervisors.supervisor import supervisor
from tests.support.later import Later
from tests.support.tree import Tree, grown

CHUNK = 300_000


class Dock:
    """Uploads under their supervisor, into a store of their own."""

    def __init__(self, store: FileStore, tree: Tree, door: Door) -> None:
        self.store = store
        self.tree = tree
        self.door = door

    async def begin(self, kind: Kind = Kind.SOURCE) -> Upload:
        """Start an upload."""
        return await Upload.begin(self.door, self.store, kind)

    def files(self) -> list[Path]:
        """Return every file there is."""
        return [path for path in self.store.root.rglob("*") if path.is_file()]


@asynccontextmanager
async def docked(store: FileStore) -> AsyncIterator[Dock]:
    """Run the supervisor of uploads."""
    store.prepare()
    door = Door()
    async with grown(supervisor("root", [dynamic_supervisor("uploads", door=door)])) as tree:
        yield Dock(store, tree, door)


@pytest.fixture
async def dock(tmp_path: Path) -> AsyncIterator[Dock]:
    """Run the supervisor of uploads on an empty folder."""
    async with docked(FileStore(tmp_path / "storage")) as dock:
        yield dock


def descriptors() -> int:
    """Count what this process has open."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the shortest way


def check(dock: Dock, stored: Stored, body: bytes) -> None:
    """Hold the stored file against what was sent."""
    assert (stored.size, stored.sha256) == (len(body), hashlib.sha256(body).digest())
    assert (dock.store.root / stored.location).read_bytes() == body


@pytest.mark.parametrize("size", [0, 1, CHUNK, STEP - 1, STEP, STEP + 1, 5 * STEP + 7])
async def test_a_body_is_stored_whole(dock: Dock, size: int) -> None:
    """Whatever its size, in pieces of any size; nothing else is left."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    pieces = random.Random(seed)
    body = pieces.randbytes(size)
    upload = await dock.begin()
    at = 0
    while at < size:
        step = pieces.randint(1, CHUNK)
        await upload.write(body[at : at + step])
        at += step
    stored = await upload.commit()
    check(dock, stored, body)
    assert stored.kind is Kind.SOURCE
    assert dock.files() == [dock.store.root / stored.location]
    await upload.abort()
    assert dock.files() == [dock.store.root / stored.location]


async def test_uploads_at_once_do_not_mix(dock: Dock) -> None:
    """Each gets its own bytes, also when another is killed in between."""
    uploads = [await dock.begin(kind) for kind in (Kind.SOURCE, Kind.CERTS, Kind.RESULT)]
    bodies = [bytes([number]) * (3 * CHUNK) for number in range(3)]
    for part in range(3):
        for upload, body in zip(uploads, bodies, strict=True):
            await upload.write(body[part * CHUNK : (part + 1) * CHUNK])
        if part == 1:
            uploads[1]._process.kill()
            await uploads[1]._process.join()
            del uploads[1], bodies[1]
    for upload, body in zip(uploads, bodies, strict=True):
        check(dock, await upload.commit(), body)
    assert len(dock.files()) == 2


@pytest.mark.parametrize("chunks", range(6))
async def test_killed_at_any_chunk_it_leaves_nothing(dock: Dock, chunks: int) -> None:
    """No file, no descriptor; whoever feeds it learns at the next piece and at the commit."""
    await trio.to_thread.run_sync(len, "")
    before = descriptors()
    upload = await dock.begin()
    for _ in range(chunks):
        await upload.write(bytes(CHUNK))
    upload._process.kill()
    assert await upload._process.join() == KILLED
    assert dock.files() == []
    assert descriptors() == before
    with pytest.raises(UploadLostError):
        await upload.write(b"more")
    with pytest.raises(UploadLostError):
        await upload.commit()
    await upload.abort()


async def test_an_abort_leaves_nothing(dock: Dock) -> None:
    """However much is written, and however often it is said."""
    upload = await dock.begin()
    for _ in range(8):
        await upload.write(bytes(CHUNK))
    await upload.abort()
    await upload.abort()
    assert dock.files() == []
    assert not dock.tree.reports.of(ChildTerminated)


async def test_an_abort_of_a_request_that_was_cancelled_leaves_nothing(dock: Dock) -> None:
    """Also in a cancelled scope, as when the client went away."""
    upload = await dock.begin()
    await upload.write(bytes(2 * STEP))
    with trio.CancelScope() as scope:
        scope.cancel()
        await upload.abort()
    assert dock.files() == []


async def test_too_much_is_refused_at_the_limit(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exactly the limit is taken; one byte more is not."""
    monkeypatch.setitem(LIMITS, Kind.CERTS, 2 * CHUNK)
    body = bytes(2 * CHUNK)
    for extra in (0, 1):
        upload = await dock.begin(Kind.CERTS)
        await upload.write(body)
        if extra:
            with pytest.raises(TooLargeError):
                await upload.write(b"x")
            await upload.abort()
        else:
            check(dock, await upload.commit(), body)
    assert len(dock.files()) == 1


def test_the_limits_are_those_of_the_contract() -> None:
    """In bytes, by kind."""
    assert artifact.LIMITS == {
        Kind.SOURCE: 500 * MEBIBYTE,
        Kind.CERTS: 10 * MEBIBYTE,
        Kind.RESULT: 1024 * MEBIBYTE,
    }


class FullStore(FileStore):
    """A store on a full disk."""

    def create(self, location: str) -> IncomingFile:
        """Make a file that takes no byte."""
        incoming = super().create(location)
        os.close(incoming._fd)
        incoming._fd = os.open("/dev/full", os.O_WRONLY)
        return incoming


class FailingStore(FileStore):
    """A store whose last step fails with `number`."""

    def __init__(self, root: Path, number: int) -> None:
        super().__init__(root)
        self.number = number

    def create(self, location: str) -> IncomingFile:
        """Make a file that cannot be published."""
        incoming = super().create(location)
        incoming.publish = self._fail
        return incoming

    def _fail(self) -> None:
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device here")
@pytest.mark.parametrize("chunks", [1, 20])
async def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, chunks: int) -> None:
    """At a later piece or at the commit; the sink ends in order, not by a crash."""
    async with docked(FullStore(tmp_path)) as dock:
        upload = await dock.begin()

        async def feed() -> None:
            for _ in range(chunks):
                await upload.write(bytes(CHUNK))
            await upload.commit()

        with pytest.raises(StorageFullError):
            await feed()
        await upload.abort()
        assert dock.files() == []
        assert not dock.tree.reports.of(ChildTerminated)


async def test_a_disk_that_is_full_at_the_end_is_told(tmp_path: Path) -> None:
    """No room for the final name: nothing is kept."""
    async with docked(FailingStore(tmp_path, errno.ENOSPC)) as dock:
        upload = await dock.begin()
        await upload.write(b"bytes")
        with pytest.raises(StorageFullError):
            await upload.commit()
        await upload._process.join()
        assert dock.files() == []


async def test_a_broken_disk_is_a_crash_of_this_upload_only(tmp_path: Path) -> None:
    """The client sends again; the next upload is not touched by it."""
    store = FailingStore(tmp_path, errno.EIO)
    async with docked(store) as dock:
        upload, other = await dock.begin(), await dock.begin()
        await upload.write(b"bytes")
        await other.write(b"other")
        with pytest.raises(UploadLostError):
            await upload.commit()
        ended = await dock.tree.reports.seen(ChildTerminated)
        assert isinstance(ended.reason, Crash)
        assert other._process.is_alive
        await other.abort()
        assert dock.files() == []


class HeldStore(FileStore):
    """A disk that does nothing until it is let go."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.held = trio.Event()
        self.go = threading.Event()

    def _hold(self) -> None:
        trio.from_thread.run_sync(self.held.set)
        assert self.go.wait(30)

    def create(self, location: str) -> IncomingFile:
        """Wait, then create."""
        self._hold()
        return super().create(location)


async def test_a_slow_disk_holds_the_writer_back(tmp_path: Path) -> None:
    """No more than three steps are in memory, whatever the client sends."""
    store = HeldStore(tmp_path)
    async with docked(store) as dock, trio.open_nursery() as nursery:
        upload = await dock.begin()
        body = bytes(40 * CHUNK)

        async def feed() -> Stored:
            for _ in range(40):
                await upload.write(bytes(CHUNK))
            return await upload.commit()

        fed = Later(nursery, feed)
        await store.held.wait()
        await wait_all_tasks_blocked(0.05)
        waiting = UploadSinkActor.mailbox_capacity + 1  # one more is at the door
        assert upload.size <= (1 + waiting) * (STEP + CHUNK)
        store.go.set()
        check(dock, await fed.outcome(), body)


async def test_killed_while_the_disk_works_it_waits_for_the_disk_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    """The file that the thread was about to make is removed as well."""
    store = HeldStore(tmp_path)
    async with docked(store) as dock:
        upload = await dock.begin()
        await upload.write(bytes(STEP))
        await store.held.wait()
        upload._process.kill()
        store.go.set()
        assert await upload._process.join() == KILLED
        assert dock.files() == []


async def test_killed_in_the_middle_of_the_commit_it_is_stored_or_not(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is told that it is stored finds the file; whoever is not, finds none."""
    reached, go = trio.Event(), threading.Event()
    finish: Callable[[UploadSinkActor, Sequence[bytes]], None] = UploadSinkActor._finish

    def held(actor: UploadSinkActor, chunks: Sequence[bytes]) -> None:
        finish(actor, chunks)
        trio.from_thread.run_sync(reached.set)
        assert go.wait(30)

    monkeypatch.setattr(UploadSinkActor, "_finish", held)
    upload = await dock.begin()
    await upload.write(b"bytes")
    async with trio.open_nursery() as nursery:
        commit = Later(nursery, upload.commit)
        await reached.wait()
        upload._process.kill()
        go.set()
        check(dock, await commit.outcome(), b"bytes")


async def test_without_the_supervisor_no_upload_begins(tmp_path: Path) -> None:
    """While uploads restart or are stopped, the client is asked to try again."""
    with pytest.raises(UploadLostError):
        await Upload.begin(Door(), FileStore(tmp_path), Kind.SOURCE)


async def test_a_stop_of_the_tree_ends_uploads_without_a_trace(tmp_path: Path) -> None:
    """An ordered stop leaves no temporary file."""
    async with docked(FileStore(tmp_path)) as dock:
        upload = await dock.begin()
        await upload.write(bytes(2 * STEP))
    assert dock.files() == []
    with pytest.raises(UploadLostError):
        await upload.commit()
