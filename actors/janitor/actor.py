"""The janitor: sweeps storage and database at the start and every hour.

What it deletes: temporary files of uploads that nobody writes to, and stored files that no row
owns (their request failed between the rename and the commit). Both only when no request of this
process holds them and when they are older than a request of another one can need from the file to
its row: files get their names when the whole body is there. A file that has lost its last row gets
no new one, because who adds a row to a stored file (a retry) holds the row of another one. And
samples of machines older than 90 days.
Dies here: a sweep, which the next life repeats.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import islice

import trio

from actors.domain.errors import StorageAwayError, UnavailableError
from actors.domain.events import SamplesForgotten, StraysRemoved
from actors.kernel.actor import Actor, actor_spec
from actors.kernel.ref import Ref
from actors.storage.base import Storage
from actors.store import builds, diagnostics
from actors.store.database import Database
from supervisors.spec import ChildSpec

EVERY_SECONDS = 3600.0
STRAY_SECONDS = 3600.0
SAMPLE_DAYS = 90
OUTAGE_SECONDS = 60.0
"""When a sweep is tried again that met no database, or no storage."""
_BATCH = 500


class Janitor:
    """Marks the protocol of the actor."""


class JanitorActor(Actor[Janitor]):
    """Owns the sweep of the storage."""

    def __init__(
        self, ref: Ref[Janitor], db: Database, store: Storage, emit: Callable[[object], None]
    ) -> None:
        super().__init__(ref)
        self._db = db
        self._store = store
        self._emit = emit

    async def init(self) -> None:
        """Make the folders (`StorageSetupError` when they cannot be used), plan the first sweep."""
        await trio.to_thread.run_sync(self._store.prepare)
        self.wake_at = trio.current_time()

    async def handle_idle(self) -> None:
        """Sweep when it is time."""
        if trio.current_time() < self.wake_at:
            return
        self.wake_at = trio.current_time() + EVERY_SECONDS
        try:
            await self._tidy()
        except (UnavailableError, StorageAwayError):  # without the rows nothing can be judged
            self.wake_at = trio.current_time() + min(OUTAGE_SECONDS, EVERY_SECONDS)

    async def _tidy(self) -> None:
        if removed := await self._sweep():
            self._emit(StraysRemoved(removed))
        if forgotten := await diagnostics.forget_samples(self._db, SAMPLE_DAYS):
            self._emit(SamplesForgotten(forgotten))

    async def _sweep(self) -> int:
        removed = await trio.to_thread.run_sync(self._store.sweep_incoming, STRAY_SECONDS)
        stored = self._store.locations(STRAY_SECONDS)
        while batch := await trio.to_thread.run_sync(lambda: list(islice(stored, _BATCH))):
            # In this order: a request lets go of its files only when their rows can be seen.
            free = [location for location in batch if location not in self._store.held]
            owned = await builds.known_locations(self._db, free)
            strays = [location for location in free if location not in owned]
            removed += await trio.to_thread.run_sync(self._discard, strays)
        return removed

    def _discard(self, locations: list[str]) -> int:
        """Delete; what cannot be deleted stays for the next sweep and stops no other."""
        count = 0
        for location in locations:
            with suppress(OSError, StorageAwayError):
                self._store.discard(location)
                count += 1
        return count


def janitor_spec(db: Database, store: Storage, emit: Callable[[object], None]) -> ChildSpec:
    """Child spec of the janitor."""
    ref = Ref[Janitor]("janitor")
    return actor_spec(ref.name, lambda: JanitorActor(ref, db, store, emit))
