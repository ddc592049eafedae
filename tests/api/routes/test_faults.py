"""Whatever ends an upload, wherever: a clear answer, and nothing left behind. Prints what it did.

`UPLOAD_FAULTS=20` breaks uploads at twenty times as many places.
"""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from actors.storage.filesystem import FileStore, IncomingFile
from actors.store.database import ConnectOptions
from supervisors.snapshot import find
from tests.support.farm import Farm, farming, good
from tests.support.form import MULTIPART, Part, body_of, file

SUBMIT = "/api/builds/submit"
SIZE = 4_000_000
BODY = body_of(file("source", b"s" * SIZE), Part("platform", "ios"))
POINTS = 5 * int(os.environ.get("UPLOAD_FAULTS", "1"))
STALL = 0.3


@pytest.fixture
async def brittle(
    database_options: ConnectOptions, tmp_path: Path, logged: object
) -> AsyncIterator[Farm]:
    """Run a controller that loses patience soon."""
    del logged
    async with farming(database_options, tmp_path, body_stall_seconds=str(STALL)) as running:
        yield running


@dataclass
class Sent:
    """An upload under way: the client's end, and what has come back."""

    farm: Farm
    stream: trio.SocketStream

    async def send(self, data: bytes) -> None:
        """Send; a connection that is broken already is an answer, too."""
        try:
            await self.stream.send_all(data)
        except trio.BrokenResourceError:
            return

    async def status(self) -> int:
        """Return the status that comes back; 0 when the connection is broken without one."""
        taken = b""
        try:
            while b"\r\n" not in taken:
                piece = await self.stream.receive_some(65536)
                if not piece:
                    return 0
                taken += piece
        except trio.BrokenResourceError:
            return 0
        return int(taken[9:12])

    async def sink(self) -> str:
        """Wait for the sink; its path."""
        while not (sinks := self.farm.sinks()):
            await trio.testing.wait_all_tasks_blocked(0.001)
        return sinks[0]


async def cut(sent: Sent, at: int) -> int:
    """Leave."""
    await sent.send(BODY[:at])
    await sent.stream.aclose()
    return 0


async def half_closed(sent: Sent, at: int) -> int:
    """Send less than was told."""
    await sent.send(BODY[:at])
    await sent.stream.send_eof()
    return await sent.status()


async def stalled(sent: Sent, at: int) -> int:
    """Send nothing more."""
    await sent.send(BODY[:at])
    return await sent.status()


async def garbled(sent: Sent, at: int) -> int:
    """Send as much as was told, but without the last boundary."""
    await sent.send(BODY[:at] + b"x" * (len(BODY) - at))
    return await sent.status()


async def killed(sent: Sent, at: int) -> int:
    """Kill the sink, as an operator or a bug may."""
    at = max(at, len(BODY) - SIZE)
    await sent.send(BODY[:at])
    path = await sent.sink()
    if (process := find(sent.farm.root, path)) is not None:
        process.kill()
    await sent.send(BODY[at:])
    return await sent.status()


FAULTS: dict[Callable[[Sent, int], object], set[int]] = {
    cut: {0},
    half_closed: {400},
    stalled: {408},
    garbled: {400, 413},  # 413 for a head of a part without an end
    killed: {503},
}


async def nothing_left(farm: Farm) -> None:
    """Wait until no sink is there; then no file, row or hold may be."""
    while farm.sinks():
        await trio.testing.wait_all_tasks_blocked(0.001)
    while farm.files():
        await trio.testing.wait_all_tasks_blocked(0.001)
    while farm.parts.store.held:
        await trio.testing.wait_all_tasks_blocked(0.001)
    assert await farm.count("builds") == 0
    assert await farm.count("artifacts") == 0


def told(fault: str, times: int, statuses: set[int]) -> None:
    """Print a row of the table of faults."""
    print(f"{fault:<34} {times:>4} times, answered {sorted(statuses)}, left behind: nothing")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_a_broken_upload_leaves_nothing(
    brittle: Farm, fault: Callable[[Sent, int], object]
) -> None:
    """Broken at places all over the body; one that runs beside them is not touched."""
    statuses: set[int] = set()
    first = len(BODY) - SIZE - 200
    last = len(BODY) - 20
    for point in range(POINTS):
        at = first + (last - first) * point // (POINTS - 1)
        stream = await brittle.begin_form(SUBMIT, len(BODY))
        async with stream:
            statuses.add(await fault(Sent(brittle, stream), at))
        await nothing_left(brittle)
    assert statuses <= FAULTS[fault] | {0}
    told(fault.__name__.replace("_", " "), POINTS, statuses)
    await brittle.submit()


async def test_neighbours_do_not_notice(brittle: Farm) -> None:
    """Uploads that run while others are killed, cut and stalled arrive whole."""
    whole: list[str] = []

    async def well() -> None:
        whole.extend([(await brittle.submit(b"w" * SIZE))["id"] for _ in range(3)])

    async def badly(fault: Callable[[Sent, int], object]) -> None:
        async with await brittle.begin_form(SUBMIT, len(BODY)) as stream:
            await fault(Sent(brittle, stream), SIZE // 2)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(well)
        for fault in (cut, half_closed, garbled):
            nursery.start_soon(badly, fault)
    assert len(whole) == len(brittle.files()) == await brittle.count("builds") == 3


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch, number: int, after: int) -> Iterator[None]:
    """Have the disk fail with an error at the write after so many, or at the end."""
    done = 0
    write, publish = IncomingFile.write, IncomingFile.publish

    def _fail() -> None:
        raise OSError(number, os.strerror(number))

    def counted(incoming: IncomingFile, chunks: Sequence[bytes]) -> None:
        nonlocal done
        if done == after:
            _fail()
        done += 1
        write(incoming, chunks)

    def at_the_end(incoming: IncomingFile) -> None:
        if after < 0:
            _fail()
        publish(incoming)

    with monkeypatch.context() as patch:
        patch.setattr(IncomingFile, "write", counted)
        patch.setattr(IncomingFile, "publish", at_the_end)
        yield


@pytest.mark.usefixtures("expect_errors")
@pytest.mark.parametrize(
    ("number", "status"), [(errno.ENOSPC, 507), (errno.EDQUOT, 507), (errno.EIO, 503)]
)
async def test_a_disk_that_fails_leaves_nothing(
    farm: Farm, monkeypatch: pytest.MonkeyPatch, number: int, status: int
) -> None:
    """At each step of the body, and at its end."""
    places = (0, 1, 2, 3, -1)
    for after in places:
        with failing(monkeypatch, number, after):
            answer = await farm.ask("POST", SUBMIT, {"Content-Type": MULTIPART}, content=BODY)
        assert answer.status_code == status, (after, answer.text)
        await nothing_left(farm)
    told(errno.errorcode[number], len(places), {status})
    good(await farm.ask("POST", SUBMIT, {"Content-Type": MULTIPART}, content=BODY))


async def test_without_room_no_byte_is_asked_for(farm: Farm) -> None:
    """507 comes in place of `100 Continue`, counting what the body would take."""
    store = farm.parts.store
    assert isinstance(store, FileStore)
    stats = os.statvfs(store.root)
    free = stats.f_bavail * stats.f_frsize
    for reserve, length, status in (
        (1 << 50, 100, b"507"),
        (max(0, free - 200_000_000), 400_000_000, b"507"),
        (0, 400_000_000, b"100"),
    ):
        store.reserve = reserve
        async with await trio.open_tcp_stream("127.0.0.1", farm.port) as stream:
            head = f"POST {SUBMIT} HTTP/1.1\r\nHost: a\r\nX-API-Key: {farm.api_key}\r\n"
            head += f"Content-Type: {MULTIPART}\r\nContent-Length: {length}\r\n"
            await stream.send_all(f"{head}Expect: 100-continue\r\n\r\n".encode())
            assert (await stream.receive_some(4096))[9:12] == status
    await nothing_left(farm)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 3 MB; only root may."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no disk can be mounted here; the same is injected above")
    yield place
    subprocess.run(["umount", str(place)], check=True)


async def test_a_disk_that_is_really_full(
    database_options: ConnectOptions, tmp_path: Path, small_disk: Path, logged: object
) -> None:
    """4 MB do not go onto 3: 507, nothing left, and 1 MB goes there afterwards."""
    del logged
    settings = {"storage_path": str(small_disk / "storage"), "storage_reserve_mb": "0"}
    async with farming(database_options, tmp_path, **settings) as farm:
        farm.storage = small_disk / "storage"
        for _ in range(3):
            parts = (file("source", bytes(SIZE)), Part("platform", "ios"))
            chunked = (body_of(*parts)[i : i + 65536] for i in range(0, SIZE + 400, 65536))

            async def pieces(chunks: Iterator[bytes] = chunked) -> AsyncIterator[bytes]:
                for chunk in chunks:
                    yield chunk

            answer = await farm.ask("POST", SUBMIT, {"Content-Type": MULTIPART}, content=pieces())
            assert answer.status_code == 507, answer.text
            await nothing_left(farm)
        told("a disk that is really full", 3, {507})
        await farm.submit(bytes(1_000_000))
