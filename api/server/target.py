"""A parsed request head as an ASGI scope, or its refusal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

import h11
from hypercorn.typing import ConnectionState, HTTPScope

VERSIONS = frozenset({b"1.0", b"1.1"})
_END_OR_ODD = re.compile(rb"\r\n\r\n|\n[ \t]|(?<!\r)\n")
"""Where a head ends, or earlier a line of it goes on in the next one or ends in a bare LF."""


class RefusedError(Exception):
    """The client is at fault; `status` is what it is told."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends of a connection, as ASGI gives them."""

    client: tuple[str, int] | None
    server: tuple[str, int] | None


def http_scope(request: h11.Request, ends: Ends, state: ConnectionState) -> HTTPScope:
    """Scope of `request`; an upgrade, to whatever, is a plain request here.

    Raises `RefusedError` for HTTP/2 in clear text and for a target that names no path (CONNECT).
    """
    if request.http_version not in VERSIONS:
        raise RefusedError(400)
    path, _, query = _origin_form(request.target).partition(b"?")
    method = request.method.decode("ascii")
    if not path.startswith(b"/") and (path, method) != (b"*", "OPTIONS"):
        raise RefusedError(400)
    return {
        "type": "http",
        "http_version": request.http_version.decode("ascii"),
        "asgi": {"spec_version": "2.4", "version": "3.0"},
        "method": method,
        "scheme": "http",
        "path": unquote(path.decode("ascii")),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": list(request.headers),
        "client": ends.client,
        "server": ends.server,
        "state": ConnectionState(state.copy()),
        "extensions": {},
    }


def check_size(request: h11.Request, limit: int) -> None:
    """Raise `RefusedError` (431) above `limit`: the parser only counts unfinished heads."""
    size = len(request.method) + len(request.target)
    for name, value in request.headers:
        size += len(name) + len(value) + 4
    if size > limit:
        raise RefusedError(431)


def check_framing(request: h11.Request, raw: bytes) -> None:
    """Raise `RefusedError` (400) for a head that a proxy may read otherwise than we do.

    `raw` begins with the head. The parser refuses a space before the colon, lengths that differ,
    and codings it does not know (501); folded lines, bare line feeds and a length beside chunks
    it takes, and then two readers may see different ends of one request.
    """
    found = _END_OR_ODD.search(raw)
    if found is not None and found[0] != b"\r\n\r\n":
        raise RefusedError(400)
    names = {name for name, _ in request.headers}
    if b"transfer-encoding" in names and (
        b"content-length" in names or request.http_version == b"1.0"
    ):
        raise RefusedError(400)


def _origin_form(target: bytes) -> bytes:
    """`target` without scheme and authority, which a server must accept (RFC 9112, 3.2.2)."""
    if target[:7].lower() != b"http://" and target[:8].lower() != b"https://":
        return target
    _, slash, path = target.partition(b"//")[2].partition(b"/")
    return slash + path if slash else b"/"
