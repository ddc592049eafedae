"""JSON bodies: bounded in bytes and in depth before any value is made of them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import trio

from api.errors import Refusal
from api.exchange import TOO_LARGE, Request
from api.text import storable_json

REPAIR_BYTES = 64 * 1024
"""Above it a body is repaired in a thread: that is work of Python for every value in it."""
_AS_LISTS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(code for code in range(256) if code not in b"[]{}")


async def read_json(request: Request, most: int, shape: object = Any) -> object:
    """Read a JSON body of at most `most` bytes; an empty one is `{}`, whatever its content type.

    With a `shape` the body is decoded straight into it, and one that does not fit is `{}`.
    """
    data = await _read(request, most)
    if not data:
        return {}
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise Refusal(415, "Unsupported Media Type")
    if is_deeper(data, request.services.limits.max_json_depth):
        raise Refusal(400, "Bad Request")
    try:
        return await _decode(data, shape)
    except (ValueError, RecursionError):
        raise Refusal(400, "Bad Request") from None


def is_deeper(data: bytes, most: int) -> bool:
    """Whether lists and objects lie in each other deeper than `most`; of no JSON, anything."""
    if data.count(b"[") + data.count(b"{") <= most:
        return False
    parts = data.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
    left = b"".join(parts[::2]).translate(_AS_LISTS, _NO_BRACKETS)
    for _ in range(most):
        before = len(left)
        left = left.replace(b"[]", b"")  # the innermost level of all that is left
        if len(left) in {0, before}:
            break
    return bool(left)


async def _read(request: Request, most: int) -> bytes:
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > most:
        raise Refusal(413, TOO_LARGE)
    taken = bytearray()
    async for piece in request.body():
        taken += piece
        if len(taken) > most:
            raise Refusal(413, TOO_LARGE)
    return bytes(taken)


async def _decode(data: bytes, shape: Any) -> object:  # noqa: ANN401 - any type that msgspec knows
    """Decode; half a surrogate pair, as a cut text ends with, does not cost the whole body."""
    try:
        return msgspec.json.decode(data, type=shape)
    except msgspec.ValidationError:
        if shape is Any:  # a number beyond all bounds
            raise
        return {}
    except msgspec.DecodeError:
        if b"\\u" not in data:
            raise
    if len(data) <= REPAIR_BYTES:
        return _repair(data)
    return await trio.to_thread.run_sync(_repair, data)


def _repair(data: bytes) -> object:
    return storable_json(json.loads(data, parse_constant=_no_constant))


def _no_constant(name: str) -> object:
    raise ValueError(name)
