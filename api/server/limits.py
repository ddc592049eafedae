"""What the server allows a client, in seconds, bytes and connections."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """Every wait of the server ends; these say when.

    `keep_alive_seconds`: silence between two requests; above the poll interval of the workers.
    `header_seconds`: for the first byte of a new connection, and from first byte to whole head.
    `body_stall_seconds`: silence while the application waits for more of a body (408).
    `min_body_rate`: bytes a second, over each `body_rate_seconds` that the application has waited
    for a body (408); 0 is no minimum. The time in which we keep the client waiting is not counted.
    `send_stall_seconds`: a client that takes no byte of its answer for so long is gone.
    `farewell_seconds`: how long idle connections stay open at shutdown: a client that sends at that
    moment is answered, with `Connection: close`, in place of a reset.
    `graceful_seconds`: what requests in hand get at shutdown.
    `max_header_bytes`: request line and headers together (431).
    `max_connections`: at the limit an idle one makes room; if none is, new ones wait unaccepted.
    Keep it below the descriptors the process may open.
    `max_connections_per_address`: of one IPv4 address, or one /64 of IPv6 (429, then closed).
    `linger_seconds`, `linger_bytes`: how long and how much of a refused body is read and thrown
    away, so that the refusal reaches a client that is still sending.
    """

    keep_alive_seconds: float = 75.0
    header_seconds: float = 15.0
    body_stall_seconds: float = 30.0
    min_body_rate: int = 1000
    body_rate_seconds: float = 30.0
    send_stall_seconds: float = 60.0
    farewell_seconds: float = 0.25
    graceful_seconds: float = 10.0
    max_header_bytes: int = 32 * 1024
    max_connections: int = 4096
    max_connections_per_address: int = 2048
    linger_seconds: float = 2.0
    linger_bytes: int = 16 * 1024 * 1024
