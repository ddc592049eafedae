"""Listening sockets: made once by the composition root, they outlive every life of the endpoint.

What waits in their backlog while the endpoint restarts is served by its next life.
"""

from __future__ import annotations

import errno
import os
import socket

BACKLOG = 1024
EVERYWHERE = frozenset({"", "*", "0.0.0.0", "::"})  # noqa: S104 - named, not bound
ATTEMPTS = 20
"""Tries at finding one free port of all addresses when the port is 0."""

_REASONS = {
    errno.EADDRINUSE: "it is already in use",
    errno.EACCES: "this user may not open it",
    errno.EPERM: "this user may not open it",
    errno.EADDRNOTAVAIL: "this machine has no such address",
}
_NOT_HERE = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})


class BindError(Exception):
    """The address cannot be listened on; the text is one sentence for the operator."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(f"Cannot listen on port {port} of {host or 'all interfaces'}: {reason}.")
        self.host = host
        self.port = port


def bind(host: str, port: int) -> list[socket.socket]:
    """Return listening, non-blocking sockets for every address of `host`, on one port.

    `""`, `"0.0.0.0"` and `"::"` mean all interfaces, IPv4 and, where there is one, IPv6. Port 0
    lets the system choose. The caller closes them. Raises `BindError`, leaving none open.
    """
    places = _resolve(host, port)
    for _ in range(ATTEMPTS - 1):
        try:
            return _bind_all(places, port)
        except OSError as error:
            if port != 0 or error.errno != errno.EADDRINUSE:
                raise BindError(host, port, _reason(error)) from error
    try:
        return _bind_all(places, port)
    except OSError as error:
        raise BindError(host, port, _reason(error)) from error


def _resolve(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    if not 0 <= port <= 65535:  # noqa: PLR2004 - the ports there are
        raise BindError(host, port, "a port is a number from 0 to 65535")
    if host in EVERYWHERE:
        return [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")]  # noqa: S104 - as asked
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise BindError(host, port, "the host name is not known") from error
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def _bind_all(places: list[tuple[socket.AddressFamily, str]], port: int) -> list[socket.socket]:
    """One socket a place; a place this machine does not have is left out if another is there."""
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, address in places:
            try:
                sockets.append(_bind_one(family, address, port))
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise
                missing = error
            else:
                port = sockets[-1].getsockname()[1]
    except BaseException:
        for opened in sockets:
            opened.close()
        raise
    if not sockets and missing is not None:
        raise missing
    return sockets


def _bind_one(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # its own family only: IPv4 clients keep their plain address
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        listener.listen(BACKLOG)
        listener.settimeout(0)
    except BaseException:
        listener.close()
        raise
    return listener


def _reason(error: OSError) -> str:
    return _REASONS.get(error.errno or 0, os.strerror(error.errno or 0).lower())
