"""A client that costs little: requests as ready-made bytes, answers cut at their length."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import trio

BOUNDARY = "bench-boundary"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of an answer."""

    status: int
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - whatever the controller said
        """Return the decoded body."""
        return json.loads(self.body)


class Wire:
    """One keep-alive connection; opened again when the controller closed it."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._head = f"Host: localhost\r\nX-API-Key: {key}\r\n"
        self._stream: trio.SocketStream | None = None

    async def get(self, path: str, headers: str = "") -> Answer:
        """Send a GET."""
        return await self._ask(f"GET {path} HTTP/1.1\r\n{self._head}{headers}\r\n".encode())

    async def post_json(self, path: str, value: object) -> Answer:
        """Send a POST with a JSON body."""
        body = json.dumps(value).encode()
        return await self._post(path, "application/json", body)

    async def post_form(self, path: str, fields: dict[str, str], files: dict[str, bytes]) -> Answer:
        """Send a POST with a multipart body."""
        body = bytearray()
        for name, value in fields.items():
            body += (
                f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode()
            )
            body += value.encode() + b"\r\n"
        for name, data in files.items():
            body += (
                f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="f"\r\n'
                "Content-Type: application/octet-stream\r\n\r\n"
            ).encode()
            body += data + b"\r\n"
        body += f"--{BOUNDARY}--\r\n".encode()
        return await self._post(path, f"multipart/form-data; boundary={BOUNDARY}", bytes(body))

    async def close(self) -> None:
        """Close the connection."""
        if self._stream is not None:
            await trio.aclose_forcefully(self._stream)
            self._stream = None

    async def _post(self, path: str, kind: str, body: bytes) -> Answer:
        head = (
            f"POST {path} HTTP/1.1\r\n{self._head}Content-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return await self._ask(head.encode() + body)

    async def _ask(self, request: bytes) -> Answer:
        if self._stream is None:
            self._stream = await trio.open_tcp_stream("127.0.0.1", self._port)
        await self._stream.send_all(request)
        data = bytearray()
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += await self._more()
        head = bytes(data[:end]).lower()
        start = head.find(b"content-length:") + len(b"content-length:")
        length = int(head[start : head.find(b"\r\n", start) if b"\r\n" in head[start:] else None])
        while len(data) < end + 4 + length:
            data += await self._more()
        answer = Answer(int(head[9:12]), bytes(data[end + 4 :]))
        if b"connection: close" in head:
            await self.close()
        return answer

    async def _more(self) -> bytes:
        assert self._stream is not None
        piece = await self._stream.receive_some(65536)
        if not piece:
            await self.close()
            raise ConnectionResetError("the controller closed the connection")
        return bytes(piece)
