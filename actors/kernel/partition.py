"""The partition supervisor: N copies of one child, and each key always with the same copy."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable
from typing import Generic, TypeAlias, TypeVar
from uuid import UUID

from actors.kernel.mailbox import Mailbox
from actors.kernel.ref import Ref
from actors.kernel.target import Target
from supervisors.errors import NoProcError
from supervisors.spec import Budget, ChildSpec, Restart, Stop
from supervisors.supervisor import supervisor

P = TypeVar("P")

Key: TypeAlias = "int | str | bytes | UUID | tuple[Key, ...]"


class Routed(Target[P]):
    """Made by `Partitions.via`; nobody is there while no partition is in use."""

    def __init__(self, partitions: Partitions[P], key: Key) -> None:
        self.name = f"{partitions.name}/{key!r}"
        self._partitions = partitions
        self._key: Key = key

    def find_mailbox(self) -> Mailbox | None:
        """Return the mailbox of the partition that the key has now."""
        if not self._partitions.in_use:
            return None
        return self._partitions.refs[self._partitions.number(self._key)].find_mailbox()


class Partitions(Generic[P]):
    """The copies, as handles by number, and the way from a key to one of them.

    Made before the tree, like a `Ref`; `partition_supervisor` is its place there. A partition
    that crashes comes back under its number, so routes outlive it.
    """

    def __init__(self, name: str, count: int | None = None) -> None:
        self.refs = tuple(Ref[P](f"{name}/{number}") for number in range(count or _cores()))
        self.name = name
        self.in_use = len(self.refs)

    def __len__(self) -> int:
        """Count the partitions that were started, in use or not."""
        return len(self.refs)

    def number(self, key: Key) -> int:
        """Return the partition of a key: the same in every program with as many in use.

        `NoProcError` while none is in use.
        """
        if not self.in_use:
            raise NoProcError(f"no partition of {self.name} is in use")
        return (abs(key) if isinstance(key, int) else _hash(key)) % self.in_use

    def via(self, key: Key) -> Routed[P]:
        """Return the name of a key: each message finds the partition that the key has then."""
        return Routed(self, key)

    def resize(self, in_use: int) -> None:
        """Route to the first `in_use` partitions from now on; the others go on unused."""
        if not 0 <= in_use <= len(self.refs):
            raise ValueError(f"{in_use} is not within 0 and {len(self.refs)}")
        self.in_use = in_use


def partition_supervisor(
    child_id: str,
    partitions: Partitions[P],
    child: Callable[[int, Ref[P]], ChildSpec],
    *,
    budget: Budget | None = None,
    restart: Restart = Restart.PERMANENT,
    shutdown: float | Stop | None = None,
) -> ChildSpec:
    """Child spec of a supervisor over `child(number, its handle)` for every partition.

    Whatever ids these have, the children are named 0 to N-1. One for one, 3 restarts in 5 s.
    """
    specs = [
        dataclasses.replace(child(number, ref), id=number)
        for number, ref in enumerate(partitions.refs)
    ]
    flags = budget or Budget(intensity=3, period=5.0)
    return supervisor(child_id, specs, budget=flags, restart=restart, shutdown=shutdown)


def _hash(key: Key) -> int:
    """Hash unsalted: Python's own `hash` gives a text another value in every program."""
    return int.from_bytes(hashlib.blake2b(_encoded(key), digest_size=8).digest())


def _encoded(key: Key) -> bytes:
    """Write a key so that no two different keys look alike."""
    match key:
        case str():
            kind, body = b"s", key.encode("utf-8", "surrogatepass")
        case bytes():
            kind, body = b"b", key
        case UUID():
            kind, body = b"u", key.bytes
        case tuple():
            kind, body = b"t", b"".join(_encoded(part) for part in key)
        case int():
            kind, body = b"i", str(int(key)).encode()
        case _:
            raise TypeError(f"{type(key).__name__} is no kind of key")
    return b"%b%d:%b" % (kind, len(body), body)


def _cores() -> int:
    return os.cpu_count() or 1
