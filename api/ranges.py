"""What part of an artifact a request wants: conditions of RFC 9110, and one range at most."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.IGNORECASE | re.ASCII)


class Instead(Enum):
    """What is answered without any bytes."""

    NOT_MODIFIED = 304
    NOT_SATISFIABLE = 416


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes from `start` up to `stop`; `whole` when nobody asked for less."""

    start: int
    stop: int
    whole: bool = False


def wanted(method: str, headers: Mapping[str, str], etag: str, size: int) -> Span | Instead:
    """Decide; `etag` is strong and quoted. A range that cannot be read is ignored, as are several.

    `If-Range` with a date never holds: we tell none.
    """
    if _any_matches(headers.get("if-none-match", ""), etag):
        return Instead.NOT_MODIFIED
    everything = Span(0, size, whole=True)
    found = _RANGE.fullmatch(headers.get("range", "").strip())
    if found is None or method != "GET" or headers.get("if-range", etag).strip() != etag:
        return everything
    first, last = found.groups()
    if not (first or last) or (first and last and int(last) < int(first)):
        return everything
    start = int(first) if first else max(0, size - int(last))
    stop = min(size, int(last) + 1) if first and last else size
    return Span(start, stop) if start < stop else Instead.NOT_SATISFIABLE


def _any_matches(header: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or etag in tags
