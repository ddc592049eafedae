"""The client of `bench.uploads`, a process of its own: blocking sockets, pieces made once.

Reads its orders as JSON from stdin, one a line; answers each with a line: seconds from the first
byte to the last answer.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from dataclasses import dataclass

PIECE = memoryview(bytes(range(256)) * 4096)
BOUNDARY = "bench-boundary"
TAKEN = bytearray(1024 * 1024)


@dataclass(frozen=True)
class Order:
    """What to do: `count` times at once, `size` bytes each; `form` fields make it an upload."""

    port: int
    path: str = ""
    key: str = ""
    size: int = 0
    count: int = 1
    file: str = ""
    forms: tuple[dict[str, str], ...] = ()


def _upload(order: Order, form: dict[str, str]) -> None:
    fields = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in form.items()
    )
    fields += (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{order.file}"; filename="f"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    tail = f"\r\n--{BOUNDARY}--\r\n".encode()
    head = (
        f"POST {order.path} HTTP/1.1\r\nHost: a\r\nX-API-Key: {order.key}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {len(fields) + order.size + len(tail)}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", order.port)) as wire:
        wire.sendall((head + fields).encode())
        _send(wire, order.size)
        wire.sendall(tail)
        answer = wire.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200"), answer


def _send(wire: socket.socket, size: int) -> None:
    while size:
        piece = PIECE[:size]
        wire.sendall(piece)
        size -= len(piece)


def _plain_upload(order: Order) -> None:
    with socket.create_connection(("127.0.0.1", order.port)) as wire:
        _send(wire, order.size)
        wire.shutdown(socket.SHUT_WR)
        assert wire.recv(2) == b"ok"


def _download(order: Order) -> None:
    head = f"GET {order.path} HTTP/1.1\r\nHost: a\r\nX-API-Key: {order.key}\r\n"
    with socket.create_connection(("127.0.0.1", order.port)) as wire:
        wire.sendall((head + "Connection: close\r\n\r\n").encode())
        taken = wire.recv_into(TAKEN)
        if order.key:
            assert TAKEN.startswith(b"HTTP/1.1 200"), bytes(TAKEN[:300])
        while count := wire.recv_into(TAKEN):
            taken += count
        assert taken >= order.size, taken


def _carry_out(order: Order) -> float:
    work = [lambda form=form: _upload(order, form) for form in order.forms]
    if not work:
        one = _plain_upload if order.path == "" else _download
        work = [lambda: one(order)] * order.count
    failures: list[BaseException] = []

    def guarded(job: object) -> None:
        try:
            job()  # type: ignore[operator]
        except BaseException as error:  # noqa: BLE001 - told to the bench
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in work]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return time.perf_counter() - began


def main() -> None:
    """Carry out orders until stdin ends."""
    for line in sys.stdin:
        print(_carry_out(Order(**json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
