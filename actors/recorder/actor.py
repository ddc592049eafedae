"""The recorder: one statement for all lines, one for all samples, one for all signs of life.

Dies here: signs and sightings that nobody waited for, at most one write interval of them; the
next ones follow within seconds. Lines are acknowledged only when they are committed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import trio

from actors.domain.errors import UnavailableError
from actors.kernel.actor import Actor, actor_spec
from actors.kernel.messages import NO_REPLY, Caller, Cast
from actors.kernel.ref import Ref
from actors.recorder.messages import Heard, Record, Recorder, Seen, Sign
from actors.store import builds, queue
from actors.store.database import Database
from actors.store.patience import through_outage
from supervisors.exits import ExitReason
from supervisors.spec import ChildSpec

WRITE_SECONDS = 1.0
"""How long sightings are gathered; callers of `Record` are never made to wait for this."""


class RecorderActor(Actor[Recorder]):
    """Owns what is gathered and not yet written."""

    def __init__(self, ref: Ref[Recorder], db: Database) -> None:
        super().__init__(ref)
        self._db = db
        self._records: list[tuple[Record, Caller[Any]]] = []
        self._signs: dict[tuple[str, str], bool] = {}
        self._seen: set[str] = set()

    def describe(self) -> Mapping[str, object]:
        """Facts for the tree: also what is not written yet."""
        return {**super().describe(), "unwritten": len(self._signs) + len(self._seen)}

    async def handle_call(self, message: Record, caller: Caller[Any]) -> object:
        """Gather lines; answered from the write."""
        self._records.append((message, caller))
        return NO_REPLY

    async def handle_cast(self, message: Cast[Recorder]) -> None:
        """Gather a sighting."""
        match message:
            case Heard(sign=sign):
                self._note(sign)
            case Seen(worker_id=worker_id):
                self._seen.add(worker_id)
            case _:
                await super().handle_cast(message)
        self.wake_at = min(self.wake_at, trio.current_time() + WRITE_SECONDS)

    async def handle_idle(self) -> None:
        """Write what callers wait for, and sightings when it is time."""
        if self._records:
            await self._write_records()
        if trio.current_time() >= self.wake_at:
            self.wake_at = math.inf
            await self._write_sightings()

    async def terminate(self, reason: ExitReason) -> None:
        """Write what is left."""
        del reason
        if self._records:
            await self._write_records()
        await self._write_sightings()

    def _note(self, sign: Sign) -> None:
        key = (sign.build_id, sign.worker_id)
        self._signs[key] = self._signs.get(key, False) or sign.working
        self._seen.add(sign.worker_id)

    async def _write_records(self) -> None:
        self._records, batch = [], self._records
        try:
            await self._write([record for record, _ in batch])
        except UnavailableError as outage:
            for _, caller in batch:
                caller.refuse(outage)
            return
        for _, caller in batch:
            caller.reply(None)

    async def _write(self, records: Sequence[Record]) -> None:
        """Write a batch, one statement a kind.

        The one that a cut connection interrupted is repeated: lines may then be stored twice.
        """
        lines = [(r.build_id, level, text) for r in records for level, text in r.lines]
        samples = [
            (r.sample.build_id, r.sample.cpu_percent, r.sample.memory_mb)
            for r in records
            if r.sample is not None
        ]
        signs = {
            (r.sign.build_id, r.sign.worker_id, r.sign.working)
            for r in records
            if r.sign is not None
        }
        if lines:
            await through_outage(lambda: builds.append_logs(self._db, lines))
        if samples:
            await through_outage(lambda: builds.append_samples(self._db, samples))
        if signs:
            await through_outage(lambda: queue.signs_of_life(self._db, sorted(signs)))

    async def _write_sightings(self) -> None:
        signs = [(build, worker, working) for (build, worker), working in self._signs.items()]
        self._signs = {}
        seen, self._seen = self._seen, set()
        try:
            if signs:
                await queue.signs_of_life(self._db, sorted(signs))
            if seen:
                await queue.seen(self._db, sorted(seen))
        except UnavailableError:
            return  # the monitor punishes nobody for an outage, and the next signs follow soon


def recorder_spec(ref: Ref[Recorder], db: Database) -> ChildSpec:
    """Child spec of the recorder; it may take its time to write what is left."""
    return actor_spec(ref.name, lambda: RecorderActor(ref, db), shutdown=10.0)
