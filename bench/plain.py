"""What uploads and downloads are held against: the plainest loops on trio, without HTTP.

An upload: read the socket, hash and write a mebibyte in a thread, fsync at the end. A download:
read a mebibyte in a thread, send it. `python -m bench.plain FOLDER` prints its two ports.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import trio

READ = 256 * 1024
STEP = 1024 * 1024


def _flags() -> int:
    return os.O_WRONLY | os.O_CREAT | os.O_TRUNC


async def _take(stream: trio.SocketStream, path: Path) -> None:
    fd = os.open(path, _flags(), 0o600)
    digest = hashlib.sha256()
    gathered: list[bytes] = []
    size = 0

    def step() -> None:
        for piece in gathered:
            digest.update(piece)
            os.write(fd, piece)

    while data := await stream.receive_some(READ):
        gathered.append(bytes(data))
        size += len(data)
        if size >= STEP:
            await trio.to_thread.run_sync(step)
            gathered, size = [], 0
    await trio.to_thread.run_sync(step)
    await trio.to_thread.run_sync(os.fsync, fd)
    os.close(fd)
    await stream.send_all(b"ok")


async def _give(stream: trio.SocketStream, path: Path) -> None:
    await stream.receive_some(4096)
    fd = os.open(path, os.O_RDONLY)
    at = 0
    while piece := await trio.to_thread.run_sync(os.pread, fd, STEP, at):
        at += len(piece)
        await stream.send_all(piece)
    os.close(fd)


async def _main(folder: Path) -> None:
    path = folder / "plain"

    async def take(stream: trio.SocketStream) -> None:
        async with stream:
            await _take(stream, path)

    async def give(stream: trio.SocketStream) -> None:
        async with stream:
            await _give(stream, path)

    async with trio.open_nursery() as nursery:
        for handler in (take, give):
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            print(listeners[0].socket.getsockname()[1], flush=True)
            nursery.start_soon(trio.serve_listeners, handler, listeners)


if __name__ == "__main__":
    trio.run(_main, Path(sys.argv[1]))
