"""The entries of a registry by key and by process: two views that never disagree."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from actors.kernel.mailbox import Mailbox
from supervisors.process import Process

V = TypeVar("V")


@dataclass(frozen=True, slots=True, eq=False)
class Entry(Generic[V]):
    """One process under one key, with a value; `mailbox` is where messages for it go."""

    key: Hashable
    process: Process
    value: V
    mailbox: Mailbox | None = None


class Entries(Generic[V]):
    """Keeps entries in the order of their coming; empty lists are not kept."""

    def __init__(self) -> None:
        self._by_key: dict[Hashable, dict[Entry[V], None]] = {}
        self._by_process: dict[Process, dict[Entry[V], None]] = {}

    def __len__(self) -> int:
        """Count all entries."""
        return sum(len(entries) for entries in self._by_key.values())

    def __iter__(self) -> Iterator[Entry[V]]:
        """Yield all entries, key by key."""
        for entries in tuple(self._by_key.values()):
            yield from tuple(entries)

    def add(self, entry: Entry[V]) -> None:
        """Put an entry in."""
        self._by_key.setdefault(entry.key, {})[entry] = None
        self._by_process.setdefault(entry.process, {})[entry] = None

    def remove(self, entry: Entry[V]) -> None:
        """Take an entry out."""
        _drop(self._by_key, entry.key, entry)
        _drop(self._by_process, entry.process, entry)

    def at(self, key: Hashable) -> list[Entry[V]]:
        """Return the entries of a key, ended processes included."""
        return list(self._by_key.get(key, ()))

    def of(self, process: Process) -> list[Entry[V]]:
        """Return the entries of a process."""
        return list(self._by_process.get(process, ()))

    def processes(self) -> list[Process]:
        """Return the processes that have entries."""
        return list(self._by_process)


T = TypeVar("T", bound=Hashable)


def _drop(view: dict[T, dict[Entry[V], None]], key: T, entry: Entry[V]) -> None:
    entries = view[key]
    del entries[entry]
    if not entries:
        del view[key]
