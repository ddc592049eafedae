"""Every limit that a stranger can hit, a row each; `docs/limits.md` prints them.

The defaults are those of the server and of the application; here they get a variable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from typing import Any, cast

from api.limits import Limits
from api.server.limits import ServerLimits
from controller.setting import Setting, count, interval, whole

_DEFAULTS = {
    field.name: cast("object", field.default)
    for kind in (ServerLimits, Limits)
    for field in fields(kind)
    if field.default is not MISSING
}


@dataclass(frozen=True, slots=True)
class Limit(Setting):
    """A setting that is a limit, and what a client gets beyond it."""

    answer: str = ""


def _limit(name: str, read: Callable[[str], object], means: str, answer: str) -> Limit:
    return Limit(name, name.upper(), _DEFAULTS[name], read, means, answer)


LIMITS = (
    _limit("header_seconds", interval, "From the first byte to the whole head.", "408, closed"),
    _limit(
        "max_header_bytes", count, "Request line and headers together, in bytes.", "431, closed"
    ),
    _limit("keep_alive_seconds", interval, "Silence between two requests.", "closed"),
    _limit("body_stall_seconds", interval, "Silence in the middle of a body.", "408, closed"),
    _limit(
        "min_body_rate",
        whole,
        "Least bytes a second of a body, while the controller waits for it; 0 is no minimum.",
        "408, closed",
    ),
    _limit("body_rate_seconds", interval, "Over how much waiting this is measured.", "408, closed"),
    _limit("send_stall_seconds", interval, "A client takes nothing of its answer.", "closed"),
    _limit(
        "max_connections", count, "Open connections of one node.", "idle ones go, new ones wait"
    ),
    _limit(
        "max_connections_per_address",
        count,
        "Of these from one IPv4 address, or one /64 of IPv6.",
        "429 with `Retry-After`, closed",
    ),
    _limit("max_json_bytes", count, "A JSON body.", "413"),
    _limit("max_open_json_bytes", count, "One that comes with neither key nor token.", "413"),
    _limit("max_json_depth", count, "Lists and objects in each other.", "400"),
    _limit("max_log_line", count, "Characters of a log line.", "cut, and ` [N characters cut]`"),
    _limit("max_log_batch", count, "Log lines in one request.", "413"),
    _limit("max_form_parts", count, "Parts of a form.", "413"),
    _limit("max_field_bytes", count, "A text in a form.", "the rest is dropped"),
    _limit("max_uploads", count, "Forms that arrive at once on one node.", "429, `Retry-After`"),
    _limit(
        "max_held_polls",
        count,
        "Polls that are held at once on one node.",
        "429, `Retry-After`; not held when the client did not ask for it",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """A field for every row of `LIMITS`, in their order."""

    header_seconds: float
    max_header_bytes: int
    keep_alive_seconds: float
    body_stall_seconds: float
    min_body_rate: int
    body_rate_seconds: float
    send_stall_seconds: float
    max_connections: int
    max_connections_per_address: int
    max_json_bytes: int
    max_open_json_bytes: int
    max_json_depth: int
    max_log_line: int
    max_log_batch: int
    max_form_parts: int
    max_field_bytes: int
    max_uploads: int
    max_held_polls: int

    def of_server(self, graceful_seconds: float) -> ServerLimits:
        """Return what the HTTP server allows."""
        return ServerLimits(graceful_seconds=graceful_seconds, **self._named(ServerLimits))

    def of_app(self) -> Limits:
        """Return what the application allows."""
        return Limits(**self._named(Limits))

    def _named(self, kind: type) -> dict[str, Any]:
        ours = {field.name for field in fields(LimitSettings)}
        return {f.name: getattr(self, f.name) for f in fields(kind) if f.name in ours}
