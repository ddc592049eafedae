"""What every storage of artifacts must do; each implementation runs this suite."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator

import pytest

from actors.domain.artifact import MEBIBYTE, Kind, location_of
from actors.domain.ids import new_id
from actors.storage.base import Reader, Storage

SIZES = [0, 1, 1000, MEBIBYTE, 5 * MEBIBYTE, 5 * MEBIBYTE + 1, 13 * MEBIBYTE + 77]
"""None, little, much; for object stores: one request, exactly a part, several parts."""


def new_location(kind: Kind = Kind.SOURCE) -> str:
    """Return where nothing lies yet."""
    return location_of(kind, new_id())


def chunks_of(data: bytes, step: int = 256 * 1024) -> Iterator[list[bytes]]:
    """Cut into gifts of several chunks, as a sink gives them."""
    for at in range(0, len(data), 4 * step):
        gift = data[at : at + 4 * step]
        yield [gift[i : i + step] for i in range(0, len(gift), step)]


def put(storage: Storage, data: bytes, location: str = "") -> str:
    """Store bytes; where."""
    location = location or new_location()
    incoming = storage.create(location)
    for chunks in chunks_of(data):
        incoming.write(chunks)
    incoming.publish()
    incoming.drop()
    return location


def everything(reader: Reader) -> bytes:
    """Read to the end and close."""
    pieces = []
    while piece := bytes(reader.read()):
        pieces.append(piece)
    assert bytes(reader.read()) == b""
    reader.close()
    return b"".join(pieces)


def read(storage: Storage, location: str) -> bytes:
    """Read an artifact."""
    size = storage.size(location)
    assert size is not None
    return everything(storage.reader(location, 0, size))


class StorageContract:
    """The suite; `storage` is an empty one, `leftovers` counts what uploads that ended left."""

    @pytest.fixture
    def storage(self) -> Storage:
        """Make an empty storage."""
        raise NotImplementedError

    @pytest.fixture
    def leftovers(self, storage: Storage) -> Callable[[], int]:
        """Return what counts pieces of unfinished uploads."""
        raise NotImplementedError

    @pytest.mark.parametrize("size", SIZES)
    def test_bytes_come_back(
        self, storage: Storage, leftovers: Callable[[], int], size: int
    ) -> None:
        """Whole, with their size, by both ways of reading; nothing else is left."""
        data = random.Random(size).randbytes(size)
        location = put(storage, data)
        assert storage.size(location) == size
        assert read(storage, location) == data
        fd, told = storage.open(location)
        try:
            assert (told, os.pread(fd, size + 1, 0)) == (size, data)
        finally:
            os.close(fd)
        assert leftovers() == 0

    @pytest.mark.parametrize("size", [10, 6 * MEBIBYTE])
    def test_nothing_is_there_before_it_is_published(self, storage: Storage, size: int) -> None:
        """Neither by name nor in the list."""
        location = new_location()
        incoming = storage.create(location)
        for chunks in chunks_of(bytes(size)):
            incoming.write(chunks)
        assert storage.size(location) is None
        assert location not in list(storage.locations(-1))
        incoming.publish()
        assert storage.size(location) == size
        assert location in list(storage.locations(-1))

    @pytest.mark.parametrize("gifts", [0, 1, 5, 6, 12])
    def test_a_dropped_upload_leaves_nothing(
        self, storage: Storage, leftovers: Callable[[], int], gifts: int
    ) -> None:
        """However far it came; and dropping it again is no error."""
        location = new_location()
        incoming = storage.create(location)
        for _ in range(gifts):
            incoming.write([bytes(MEBIBYTE // 2)] * 2)
        incoming.drop()
        incoming.drop()
        assert leftovers() == 0
        assert storage.size(location) is None
        assert location not in list(storage.locations(-1))

    def test_dropping_what_is_published_changes_nothing(self, storage: Storage) -> None:
        """Whoever cleans up need not know how far it came."""
        location = put(storage, b"bytes")
        assert read(storage, location) == b"bytes"

    def test_ranges(self, storage: Storage) -> None:
        """Any part of an artifact, down to none."""
        data = random.Random(1).randbytes(9 * MEBIBYTE)
        location = put(storage, data)
        size = len(data)
        cuts = random.Random(2)
        spans = [(0, 1), (size - 1, size), (0, size), (5, 5), (MEBIBYTE, 8 * MEBIBYTE)]
        spans += [tuple(sorted(cuts.sample(range(size + 1), 2))) for _ in range(10)]
        for start, stop in spans:
            assert everything(storage.reader(location, start, stop)) == data[start:stop]

    def test_a_reader_may_be_closed_at_any_time(self, storage: Storage) -> None:
        """And twice."""
        reader = storage.reader(put(storage, bytes(6 * MEBIBYTE)), 0, 6 * MEBIBYTE)
        reader.read()
        reader.close()
        reader.close()

    def test_what_is_gone_is_told(self, storage: Storage) -> None:
        """By its own error, and by no size."""
        location = new_location()
        assert storage.size(location) is None
        with pytest.raises(FileNotFoundError):
            storage.open(location)
        with pytest.raises(FileNotFoundError):
            storage.reader(location, 0, 10).read()

    def test_discarding_is_idempotent(self, storage: Storage) -> None:
        """Once more is no error, and neighbours stay."""
        gone, kept = put(storage, b"gone"), put(storage, b"kept")
        storage.discard(gone)
        storage.discard(gone)
        assert storage.size(gone) is None
        assert read(storage, kept) == b"kept"

    def test_locations_are_those_of_a_certain_age(self, storage: Storage) -> None:
        """All kinds; none is an hour old yet."""
        stored = {put(storage, b"x", new_location(kind)) for kind in Kind for _ in range(3)}
        assert stored <= set(storage.locations(-1))
        assert not stored & set(storage.locations(3600))

    def test_preparing_again_is_no_error(self, storage: Storage) -> None:
        """It is done at every start of the janitor."""
        location = put(storage, b"x")
        storage.prepare()
        assert read(storage, location) == b"x"
        assert storage.is_there()
        assert storage.has_room(0)
        assert storage.sweep_incoming(3600) == 0
