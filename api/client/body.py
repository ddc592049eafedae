"""Bodies of requests, streamed from files in bounded pieces with their length known."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx
import trio

PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file of a form; `name` is the field, `filename` what the receiver is told."""

    name: str
    filename: str
    path: Path
    content_type: str = "application/octet-stream"


class Body(httpx.AsyncByteStream):
    """What one request carries: bytes and files, one after the other; iterated once.

    An iterator with a method, and no async generator: a cancelled request drops its body in the
    middle, and a dropped generator is closed late, in somebody else's task.
    """

    def __init__(self, content_type: str = "", pieces: list[bytes | Path] | None = None) -> None:
        self._content_type = content_type
        self._pieces = pieces or []
        self._open: BinaryIO | None = None

    def headers(self) -> dict[str, str]:
        """Return type and length; `OSError` when a file is not there."""
        length = sum(p.stat().st_size if isinstance(p, Path) else len(p) for p in self._pieces)
        return {"Content-Type": self._content_type, "Content-Length": str(length)}

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while True:
            if self._open is None:
                if not self._pieces:
                    raise StopAsyncIteration
                piece = self._pieces.pop(0)
                if isinstance(piece, bytes):
                    return piece
                self._open = piece.open("rb")
            if data := await trio.to_thread.run_sync(self._open.read, PIECE):
                return data
            self.close()

    def close(self) -> None:
        """Close the file that is being read; safe to call at any time."""
        if self._open is not None:
            self._open.close()
            self._open = None


def form(texts: Mapping[str, str], files: list[FilePart]) -> Body:
    """Return a form with its texts first, so that the receiver knows them before the bytes."""
    boundary = secrets.token_hex(16)
    pieces: list[bytes | Path] = []
    for name, text in texts.items():
        pieces.append(_head(boundary, f'name="{name}"') + text.encode() + b"\r\n")
    for file in files:
        disposition = f'name="{file.name}"; filename="{file.filename}"'
        kind = f"\r\nContent-Type: {file.content_type}"
        pieces += [_head(boundary, disposition + kind), file.path, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    return Body(f"multipart/form-data; boundary={boundary}", pieces)


def _head(boundary: str, disposition: str) -> bytes:
    return f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode()
