"""The storages held to the contract: a folder, and a real object store."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from actors.domain.artifact import MEBIBYTE
from actors.domain.errors import StorageAwayError, StorageFullError
from actors.domain.ids import new_id
from actors.storage import objects
from actors.storage.base import Storage, StorageSetupError
from actors.storage.filesystem import INCOMING, FileStore
from actors.storage.objects import ObjectStore
from tests.contracts.storage import StorageContract, new_location, put, read
from tests.support.seaweed import BUCKET, Seaweed, running_seaweed, seaweed, surroundings

__all__ = ["seaweed", "surroundings"]  # fixtures

DEADLINE = 20.0


class TestFolder(StorageContract):
    """A folder."""

    @pytest.fixture
    def storage(self, tmp_path: Path) -> Storage:
        """Make a folder."""
        store = FileStore(tmp_path / "storage")
        store.prepare()
        return store

    @pytest.fixture
    def leftovers(self, tmp_path: Path) -> Callable[[], int]:
        """Count temporary files."""
        return lambda: len(list((tmp_path / "storage" / INCOMING).iterdir()))


class TestObjects(StorageContract):
    """A bucket of an S3-compatible store."""

    @pytest.fixture
    def storage(self, surroundings: Seaweed) -> Storage:
        """Make a prefix of its own."""
        del surroundings
        store = ObjectStore(f"s3://{BUCKET}/{new_id()}/below")
        store.prepare()
        return store

    @pytest.fixture
    def leftovers(self, surroundings: Seaweed) -> Callable[[], int]:
        """Count unfinished uploads, once those that were dropped had time to be aborted."""

        def count() -> int:
            deadline = time.monotonic() + DEADLINE
            while (left := len(surroundings.unfinished())) and time.monotonic() < deadline:
                time.sleep(0.02)  # the abort runs in the background, and tells nobody
            return left

        return count


def test_prefixes_do_not_see_each_other(surroundings: Seaweed) -> None:
    """Two farms share a bucket."""
    del surroundings
    one, other = (ObjectStore(f"s3://{BUCKET}/{name}") for name in ("farm", "farm2"))
    location = put(one, b"mine")
    assert read(one, location) == b"mine"
    assert other.size(location) is None
    assert location not in list(other.locations(-1))


def test_wrong_credentials_are_a_sentence(
    surroundings: Seaweed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the operator, at the start; without the secret."""
    del surroundings
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not the secret")
    with pytest.raises(StorageSetupError, match="refuses the credentials") as caught:
        ObjectStore(f"s3://{BUCKET}").prepare()
    assert "not the secret" not in str(caught.value)


def test_a_store_that_is_away_is_told_by_every_method(
    surroundings: Seaweed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is no reason not to start."""
    del surroundings
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr(objects, "RETRIES", 0)
    store = ObjectStore(f"s3://{BUCKET}")
    store.prepare()
    small, large = store.create(new_location()), store.create(new_location())
    small.write([b"x"])
    for attempt in (
        small.publish,
        lambda: large.write([bytes(MEBIBYTE)] * 20),
        lambda: store.size("source/a/b"),
        lambda: store.open("source/a/b"),
        lambda: store.reader("source/a/b", 0, 1).read(),
        lambda: store.discard("source/a/b"),
        lambda: list(store.locations(0)),
    ):
        with pytest.raises(StorageAwayError):
            attempt()
    small.drop()
    large.drop()


def test_a_store_that_goes_away_in_the_middle_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the next bytes, or at the end; whoever waits is let go."""
    monkeypatch.setattr(objects, "RETRIES", 0)
    with running_seaweed(tmp_path) as seaweed:
        for name, value in seaweed.environment().items():
            monkeypatch.setenv(name, value)
        incoming = ObjectStore(f"s3://{BUCKET}").create(new_location())
        incoming.write([bytes(MEBIBYTE)] * 12)

    def go_on() -> None:
        for _ in range(20):
            incoming.write([bytes(MEBIBYTE)])

    with pytest.raises(StorageAwayError):
        go_on()
    with pytest.raises(StorageAwayError):
        incoming.publish()
    incoming.drop()


def test_a_store_that_is_full_takes_nothing_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This one says that it has an internal error: try again. Its parts are aborted."""
    monkeypatch.setattr(objects, "RETRIES", 0)
    with running_seaweed(tmp_path, volume_mb=1, volumes=8) as seaweed:
        for name, value in seaweed.environment().items():
            monkeypatch.setenv(name, value)
        storage = ObjectStore(f"s3://{BUCKET}")
        stored: list[str] = []
        with pytest.raises((StorageAwayError, StorageFullError)):
            stored.extend(put(storage, bytes(12 * MEBIBYTE)) for _ in range(20))
        deadline = time.monotonic() + DEADLINE
        while seaweed.unfinished() and time.monotonic() < deadline:
            time.sleep(0.02)  # the abort runs in the background, and tells nobody
        assert seaweed.unfinished() == []
        assert set(storage.locations(-1)) == set(stored)


class _Refusing(BaseHTTPRequestHandler):
    """Answers every upload with 507."""

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(507)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _answering(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_store_that_says_that_it_is_full_is_believed(
    surroundings: Seaweed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """507 there is 507 here."""
    del surroundings
    monkeypatch.setattr(objects, "RETRIES", 0)
    with _answering(_Refusing) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(StorageFullError):
            put(ObjectStore(f"s3://{BUCKET}"), b"x")


def test_a_store_that_is_too_slow_is_away(
    surroundings: Seaweed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for longer than the limit of a request."""
    del surroundings
    monkeypatch.setattr(objects, "RETRIES", 0)
    monkeypatch.setattr(objects, "TIMEOUT", "200ms")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, says nothing
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(StorageAwayError):
            put(ObjectStore(f"s3://{BUCKET}"), b"x")
