"""What every answer carries, and the answers the server gives by itself."""

from __future__ import annotations

import json
from http import HTTPStatus
from time import time

from hypercorn.config import Config

PHRASES = {status.value: status.phrase for status in HTTPStatus} | {
    413: "Payload Too Large",  # as Node's clients know them, whatever this Python calls them
    416: "Range Not Satisfiable",
    422: "Unprocessable Entity",
}


RETRY_SECONDS = 2
TOO_MANY = HTTPStatus.TOO_MANY_REQUESTS


def phrase(status: int) -> str:
    """Reason phrase of `status`; empty for one nobody has named."""
    return PHRASES.get(status, "")


class StandingHeaders:
    """Headers of every answer (the date), made once a second."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._second = -1
        self._headers: list[tuple[bytes, bytes]] = []

    def now(self) -> list[tuple[bytes, bytes]]:
        """Return the headers of this second; the list is shared, do not change it."""
        second = int(time())
        if second != self._second:
            self._headers = self._config.response_headers("h11")
            self._second = second
        return self._headers


def refusal(status: int, standing: StandingHeaders, *, bodiless: bool = False) -> bytes:
    """Return a whole answer with `{"error": PHRASE}` that ends the connection.

    Made without the parser, which may be past speaking.
    """
    body = json.dumps({"error": phrase(status)}, separators=(",", ":")).encode()
    lines = [f"HTTP/1.1 {status} {phrase(status)}".encode()]
    lines += [name + b": " + value for name, value in standing.now()]
    lines += [b"retry-after: %d" % RETRY_SECONDS] if status == TOO_MANY else []
    lines += [
        b"content-type: application/json; charset=utf-8",
        b"content-length: %d" % len(body),
        b"connection: close",
        b"",
        b"" if bodiless else body,
    ]
    return b"\r\n".join(lines)
