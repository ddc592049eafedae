"""Identities and secrets: made here, in the alphabets that clients accept."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections import deque
from typing import NewType

BuildId = NewType("BuildId", str)
WorkerId = NewType("WorkerId", str)
Lease = NewType("Lease", str)

_ID_LENGTH = 21
_ID_BYTES = 16
_ID_BATCH = 64
_ready: deque[str] = deque()
_BUILD_ID = re.compile(r"[A-Za-z0-9_-]{21}")
_WORKER_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


def new_id() -> str:
    """Return 21 characters of `A-Za-z0-9_-` (126 random bits)."""
    try:
        return _ready.pop()
    except IndexError:
        return _make_ready()


def _make_ready() -> str:
    """Ask the system for the randomness of many ids at once: every request takes some."""
    drawn = secrets.token_bytes(_ID_BYTES * _ID_BATCH)
    for start in range(0, len(drawn), _ID_BYTES):
        text = base64.urlsafe_b64encode(drawn[start : start + _ID_BYTES])
        _ready.append(text[:_ID_LENGTH].decode())
    return _ready.pop()


def new_token() -> str:
    """Return 32 random bytes as unpadded base64url: 43 characters."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """Return what is kept of a token: its SHA-256."""
    return hashlib.sha256(token.encode()).digest()


def is_build_id(text: str) -> bool:
    """Whether a build can have this id at all (saves asking the database)."""
    return _BUILD_ID.fullmatch(text) is not None


def is_worker_id(text: str) -> bool:
    """Whether a worker can have this id at all."""
    return _WORKER_ID.fullmatch(text) is not None
