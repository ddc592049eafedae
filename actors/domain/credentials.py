"""Credentials of the later protocol: how long each lasts, and how those that recur are derived.

A one-time password and the token of a virtual machine belong to one attempt: they are derived from
its lease, so that the same one can be given again and none is kept. A token of a worker is random
at first; its successor is derived from it, so that polls at the same moment get the same one.
"""

from __future__ import annotations

import base64
import hmac
import secrets

WORKER_TOKEN_SECONDS = 90.0
RENEW_SECONDS = 60.0
"""A worker's token is replaced at the poll that leaves it no more than this."""
OTP_SECONDS = 600.0
"""How long a one-time password can be used, from the assignment."""
VM_TOKEN_SECONDS = 7200.0
"""How long the token of a virtual machine opens its build, from the use of the password."""
_BYTES = 24


def new_worker_token() -> str:
    """Return a fresh token: 32 characters of base64url."""
    return secrets.token_urlsafe(_BYTES)


def next_worker_token(key: bytes, token: str) -> str:
    """Return the token that replaces `token`; always the same one."""
    return _derived(key, b"worker token", token)


def one_time_password(key: bytes, lease: str) -> str:
    """Return the password that a virtual machine of this attempt may use once."""
    return _derived(key, b"one-time password", lease)


def vm_token(key: bytes, lease: str) -> str:
    """Return the token of the virtual machine of this attempt."""
    return _derived(key, b"vm token", lease)


def same_secret(given: str, wanted: str) -> bool:
    """Compare in constant time; `given` may be any text."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode())


def _derived(key: bytes, purpose: bytes, of: str) -> str:
    digest = hmac.digest(key, purpose + b"\0" + of.encode(), "sha256")
    return base64.urlsafe_b64encode(digest[:_BYTES]).decode()
