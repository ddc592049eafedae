"""The registry: a process registers itself under a key and is gone from there when it ends.

The entries go before anybody hears of the end (D-14), and a lookup never returns a process that
has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar, cast
from weakref import WeakValueDictionary

from actors.kernel.living import Living
from actors.kernel.mailbox import Mailbox
from actors.kernel.own import Owners, current_process
from actors.kernel.registry.entries import Entries, Entry
from actors.kernel.registry.errors import AlreadyRegisteredError, NotOwnerError, WrongKeysError
from actors.kernel.registry.lock import KeyLocks
from actors.kernel.registry.via import Via
from actors.kernel.telemetry import Telemetry
from supervisors.errors import NoProcError
from supervisors.process import Process

V = TypeVar("V")


class Keys(Enum):
    """How many processes a key may have."""

    UNIQUE = "unique"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Registered:
    """Told to listeners: `process` has taken `key`."""

    registry: str
    key: Hashable
    process: Process
    value: object


@dataclass(frozen=True, slots=True)
class Unregistered:
    """Told to listeners: `process` has given `key` up, or has ended."""

    registry: str
    key: Hashable
    process: Process


def _any(_value: object) -> bool:
    return True


def _mailbox_of(process: Process) -> Mailbox | None:
    return process.handle.mailbox if isinstance(process.handle, Living) else None


class Registry(Generic[V]):
    """Processes by key, each entry with a value of type `V`.

    Made before the tree, like a `Ref`; under a `registry_spec` it is open only while that child
    lives, and takes the registered processes along when it goes.
    """

    def __init__(self, name: str, keys: Keys = Keys.UNIQUE) -> None:
        self.name = name
        self.keys_are = keys
        self.is_open = True
        self.meta: dict[Hashable, object] = {}
        """Facts about the registry itself, for whoever uses it."""
        self._entries = Entries[V]()
        self._owners = Owners(self._forget)
        self._listeners = Telemetry()
        self._locks = KeyLocks()
        self._vias: WeakValueDictionary[Hashable, Via[Any]] = WeakValueDictionary()

    # -- for the process that registers ---------------------------------------------------------

    def register(self, key: Hashable, value: V) -> None:
        """Put the calling process under `key`; from now on `via(key)` reaches its mailbox.

        `AlreadyRegisteredError` when a living process holds a unique key.
        """
        process = current_process()
        self._enter(Entry(key, process, value, _mailbox_of(process)))

    def _enter(self, entry: Entry[V]) -> None:
        key, process = entry.key, entry.process
        if not self.is_open:
            raise NoProcError(f"registry {self.name} is not running")
        if not process.is_alive:
            raise NoProcError(f"{process.path} has ended")
        if self.keys_are is Keys.UNIQUE:
            for held in self._entries.at(key):
                if held.process.is_alive:
                    raise AlreadyRegisteredError(f"{self.name}/{key}", held.process)
                self._remove(held)
        self._add(entry)

    def unregister(self, key: Hashable, where: Callable[[V], bool] = _any) -> int:
        """Take the calling process's entries out of `key`; return how many there were."""
        own = current_process()
        entries = [entry for entry in self.match(key, where) if entry.process is own]
        for entry in entries:
            self._remove(entry)
        return len(entries)

    def update_value(self, key: Hashable, change: Callable[[V], V]) -> V:
        """Replace the value of a unique key; `NotOwnerError` unless the caller holds it."""
        self._need_unique("update_value")
        own = current_process()
        entry = next((held for held in self.lookup(key) if held.process is own), None)
        if entry is None:
            raise NotOwnerError(f"{self.name}/{key} is not held by {own.path or 'root'}")
        value = change(entry.value)
        self._entries.remove(entry)
        self._entries.add(Entry(key, own, value, entry.mailbox))
        return value

    # -- for everybody --------------------------------------------------------------------------

    def lookup(self, key: Hashable) -> list[Entry[V]]:
        """Return the entries of `key`, in the order of their coming."""
        return [entry for entry in self._entries.at(key) if entry.process.is_alive]

    def whereis(self, key: Hashable) -> Process | None:
        """Return the process that holds a unique key."""
        self._need_unique("whereis")
        return next((entry.process for entry in self.lookup(key)), None)

    def keys(self, process: Process) -> list[Hashable]:
        """Return the keys of a process, one for each entry."""
        return [entry.key for entry in self._entries.of(process) if process.is_alive]

    def values(self, key: Hashable, process: Process) -> list[V]:
        """Return the values that a process has under `key`."""
        return [entry.value for entry in self.lookup(key) if entry.process is process]

    def match(self, key: Hashable, where: Callable[[V], bool]) -> list[Entry[V]]:
        """Return the entries of `key` whose value passes `where`."""
        return [entry for entry in self.lookup(key) if where(entry.value)]

    def select(self, where: Callable[[Entry[V]], bool] = _any) -> list[Entry[V]]:
        """Return all entries that pass `where`."""
        return [entry for entry in self._entries if entry.process.is_alive and where(entry)]

    def count(self, where: Callable[[Entry[V]], bool] = _any) -> int:
        """Count the entries that pass `where`."""
        return len(self.select(where))

    def dispatch(self, key: Hashable, callback: Callable[[Sequence[Entry[V]]], object]) -> None:
        """Call `callback` here, in the caller, with the entries of `key`, if there are any."""
        entries = self.lookup(key)
        if entries:
            callback(entries)

    def via(self, key: Hashable) -> Via[Any]:
        """Return the name of `key`: usable wherever a `Ref` is, to start an actor included."""
        self._need_unique("via")
        via = self._vias.get(key)
        if via is None:
            via = self._vias[key] = Via[Any](self, key)
            for entry in self.lookup(key):
                via.point_to(entry.mailbox)
        return via

    def listen(
        self, listener_id: str, listener: Callable[[Registered | Unregistered], object]
    ) -> Callable[[], None]:
        """Have `listener` told of every register and unregister; returns the way to stop it."""

        def tell(event: object) -> None:
            if isinstance(event, Registered | Unregistered):
                listener(event)

        return self._listeners.attach(listener_id, tell)

    def lock(self, key: Hashable) -> AbstractAsyncContextManager[None]:
        """Be alone with `key` among those who lock it; needs no entry."""
        return self._locks.hold(key)

    # -- begins and ends ------------------------------------------------------------------------

    def claim(self, key: Hashable, mailbox: Mailbox) -> None:
        """Put the calling process under `key` before its init; for `Via`, without a value."""
        self._enter(Entry(key, current_process(), cast("V", None), mailbox))

    def release(self, key: Hashable, mailbox: Mailbox) -> None:
        """Take out who has `mailbox` under `key`, for an actor that ends."""
        for entry in self._entries.at(key):
            if entry.mailbox is mailbox:
                self._remove(entry)

    def close(self) -> list[Process]:
        """Forget everything and take nothing more; return who was registered."""
        self.is_open = False
        processes = self._entries.processes()
        for process in processes:
            self._forget(process)
        return processes

    def _forget(self, process: Process) -> None:
        for entry in self._entries.of(process):
            self._remove(entry)

    def _add(self, entry: Entry[V]) -> None:
        self._entries.add(entry)
        self._owners.watch(entry.process)
        if via := self._vias.get(entry.key):
            via.point_to(entry.mailbox)
        self._listeners.emit(Registered(self.name, entry.key, entry.process, entry.value))

    def _remove(self, entry: Entry[V]) -> None:
        self._entries.remove(entry)
        if via := self._vias.get(entry.key):
            via.point_to(None)
        self._listeners.emit(Unregistered(self.name, entry.key, entry.process))

    def _need_unique(self, what: str) -> None:
        if self.keys_are is not Keys.UNIQUE:
            raise WrongKeysError(f"{what} needs unique keys, and {self.name} has duplicate ones")
