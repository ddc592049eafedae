"""A file under its final name is whole, on disk, and where it belongs."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from actors.domain.artifact import Kind, location_of
from actors.domain.ids import new_id
from actors.storage import filesystem
from actors.storage.filesystem import (
    INCOMING,
    FileStore,
    IncomingFile,
    StorageSetupError,
)


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    """Make an empty store."""
    store = FileStore(tmp_path / "storage")
    store.prepare()
    return store


def incoming(store: FileStore, kind: Kind = Kind.SOURCE) -> IncomingFile:
    """Write a temporary file."""
    file = store.create(location_of(kind, new_id()))
    file.write([b"by", b"", b"tes"])
    return file


def published(store: FileStore, kind: Kind = Kind.SOURCE) -> str:
    """Store a file; where it lies."""
    file = incoming(store, kind)
    file.publish()
    return file._final.relative_to(store.root).as_posix()


def test_a_published_file_is_synced_before_it_is_renamed(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes, then the name, then the folders that hold it: a power cut finds all or nothing."""
    steps: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def note_sync(fd: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "bytes"
        steps.append(kind)
        fsync(fd)

    def note_rename(path: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(path, target)

    monkeypatch.setattr(filesystem.os, "fsync", note_sync)
    monkeypatch.setattr(Path, "rename", note_rename)
    location = published(store)
    assert steps == ["bytes", "rename", "folder", "folder"]
    assert (store.root / location).read_bytes() == b"bytes"
    assert list((store.root / INCOMING).iterdir()) == []


def test_a_folder_that_another_upload_made_is_synced_before_a_row_counts_on_it(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever made it may not have come that far; one sync a life is enough, if it succeeds."""
    synced: list[Path] = []
    failing = [True]

    def note(folder: Path) -> None:
        synced.append(folder)
        if failing and folder.parent == store.root:
            failing.clear()
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(filesystem, "_sync_folder", note)
    artifact_id = new_id()
    shard = (store.root / location_of(Kind.SOURCE, artifact_id)).parent
    shard.mkdir()
    for number in range(3):
        location = location_of(Kind.SOURCE, artifact_id[:-1] + str(number))
        assert (store.root / location).parent == shard
        file = store.create(location)
        if number:
            file.publish()
        else:
            with pytest.raises(OSError, match="Input/output"):
                file.publish()
            file.drop()
    assert synced == [shard, shard.parent, shard, shard.parent, shard]


def test_only_the_owner_can_read(store: FileStore) -> None:
    """Files and folders alike."""
    path = store.root / published(store)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((store.root / INCOMING).stat().st_mode) == 0o700


def test_a_publish_that_fails_gives_no_final_name(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The temporary file stays its owner's to drop."""

    def refuse(_fd: int) -> None:
        raise OSError(5, "Input/output error")

    file = incoming(store)
    monkeypatch.setattr(filesystem.os, "fsync", refuse)
    with pytest.raises(OSError, match="Input/output"):
        file.publish()
    file.drop()
    assert [path for path in store.root.rglob("*") if path.is_file()] == []
    file.drop()


def test_a_stored_file_is_opened_with_its_size(store: FileStore) -> None:
    """One that is gone is told as such."""
    fd, size = store.open(published(store))
    assert os.read(fd, 100) == b"bytes"
    os.close(fd)
    assert size == 5
    with pytest.raises(FileNotFoundError):
        store.open(location_of(Kind.RESULT, new_id()))


def test_links_are_not_followed(store: FileStore, tmp_path: Path) -> None:
    """Neither to read nor to write somewhere else."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    location = published(store)
    (store.root / location).unlink()
    (store.root / location).symlink_to(secret)
    with pytest.raises(OSError, match="symbolic"):
        store.open(location)
    (store.root / INCOMING / "link").symlink_to(secret)
    with pytest.raises(FileExistsError):
        store.create("link")
    assert secret.read_bytes() == b"secret"


def test_a_discarded_file_is_gone(store: FileStore) -> None:
    """Once more is no error."""
    location = published(store)
    store.discard(location)
    store.discard(location)
    assert not (store.root / location).exists()


def test_locations_are_all_stored_files_that_are_old_enough(store: FileStore) -> None:
    """Of every kind; temporary ones are listed by themselves."""
    stored = {published(store, kind) for kind in Kind}
    old = published(store)
    os.utime(store.root / old, (0, 0))
    file = incoming(store)
    assert set(store.locations(-1)) == {*stored, old}
    assert list(store.locations(3600)) == [old]
    assert store.forgotten_uploads(-1) == [file.path]
    assert store.forgotten_uploads(3600) == []
    file.drop()


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """And preparing twice is no error."""
    FileStore(tmp_path / "good").prepare()
    FileStore(tmp_path / "good").prepare()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageSetupError) as caught:
        FileStore(tmp_path / "file").prepare()
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "file") in str(caught.value)
