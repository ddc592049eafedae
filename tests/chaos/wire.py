"""A client that costs little; every way to get no answer is one error."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import trio

SECONDS = 20.0
_BOUNDARY = "chaos-boundary"
FORM = f"multipart/form-data; boundary={_BOUNDARY}"


class NoAnswerError(Exception):
    """The connection was refused, broke off, or stayed silent for too long."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of an answer."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the decoded body."""
        return json.loads(self.body)


@dataclass(slots=True)
class Tally:
    """Requests of all clients, and those that got no answer or one of trouble."""

    asked: int = 0
    failed: int = 0
    troubles: Counter[str] = field(default_factory=Counter)

    def fail(self, why: str) -> None:
        """Count a failure."""
        self.failed += 1
        self.troubles[why] += 1


class Wire:
    """One keep-alive connection, opened when it is needed; for one request at a time."""

    def __init__(self, port: int, key: str, tally: Tally) -> None:
        self._port = port
        self._key = key
        self._tally = tally
        self._stream: trio.SocketStream | None = None

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a GET."""
        return await self._ask("GET", path, headers or {}, b"")

    async def post(
        self, path: str, value: object, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a POST with a JSON body."""
        sent = {"Content-Type": "application/json", **(headers or {})}
        return await self._ask("POST", path, sent, json.dumps(value).encode())

    async def post_form(
        self,
        path: str,
        fields: Mapping[str, str],
        files: Mapping[str, bytes],
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a POST with a multipart body."""
        sent = {"Content-Type": FORM, **(headers or {})}
        return await self._ask("POST", path, sent, _form(fields, files))

    async def close(self) -> None:
        """Close the connection."""
        if self._stream is not None:
            stream, self._stream = self._stream, None
            await trio.aclose_forcefully(stream)

    async def _ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        sent = {"Host": "localhost", "X-API-Key": self._key, "Content-Length": str(len(body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in {**sent, **headers}.items())
        self._tally.asked += 1
        try:
            with trio.fail_after(SECONDS):
                answer = await self._exchange(
                    f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body
                )
        except (OSError, trio.TooSlowError, trio.BrokenResourceError) as error:
            self._tally.fail(type(error).__name__)
            await self.close()
            raise NoAnswerError(str(error)) from error
        except BaseException:
            with trio.CancelScope(shield=True):
                await self.close()
            raise
        if answer.status >= 500:
            self._tally.fail(str(answer.status))
        return answer

    async def _exchange(self, request: bytes) -> Answer:
        if self._stream is None:
            self._stream = await trio.open_tcp_stream("127.0.0.1", self._port)
        with suppress(trio.BrokenResourceError):  # an early answer may be there to be read
            await self._stream.send_all(request)
        data = bytearray()
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += await self._more()
        head = bytes(data[:end]).lower()
        length = int(head.partition(b"\r\ncontent-length:")[2].split(b"\r\n")[0])
        while len(data) < end + 4 + length:
            data += await self._more()
        if b"\r\nconnection: close" in head:
            await self.close()
        return Answer(int(head[9:12]), bytes(data[end + 4 :]))

    async def _more(self) -> bytes:
        assert self._stream is not None
        piece = await self._stream.receive_some(65536)
        if not piece:
            raise ConnectionResetError("closed before the answer")
        return bytes(piece)


def _form(fields: Mapping[str, str], files: Mapping[str, bytes]) -> bytes:
    body = bytearray()
    for name, value in fields.items():
        body += f"--{_BOUNDARY}\r\nContent-Disposition: form-data; ".encode()
        body += f'name="{name}"\r\n\r\n{value}\r\n'.encode()
    for name, data in files.items():
        body += f"--{_BOUNDARY}\r\nContent-Disposition: form-data; ".encode()
        body += f'name="{name}"; filename="f"\r\n\r\n'.encode() + data + b"\r\n"
    return bytes(body + f"--{_BOUNDARY}--\r\n".encode())
