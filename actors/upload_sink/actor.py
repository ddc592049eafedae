"""The sink of one upload: steps of bytes in, hash and write off the event loop, durable at the end.

Dies here, by whatever cause: what is written so far is dropped with the process, as an Erlang
port is, and whoever feeds the sink gets `NoProcError` at the next step. What a kill -9 leaves
behind is swept at the next start.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Sequence
from typing import ClassVar

import trio

from actors.domain.artifact import Kind, Stored, location_of
from actors.domain.errors import StorageAwayError, StorageFullError
from actors.kernel.actor import Actor, actor_spec
from actors.kernel.messages import Caller
from actors.kernel.ref import Ref
from actors.storage.base import Incoming, Storage
from actors.upload_sink.messages import (
    Abort,
    UploadSink,
    UploadSinkCall,
    UploadSinkCast,
    Write,
)
from supervisors.exits import SHUTDOWN, Shutdown
from supervisors.spec import ChildSpec, Restart

FULL = "storage full"
AWAY = "storage away"
_REFUSALS: dict[str, Callable[[str], Exception]] = {
    FULL: StorageFullError,
    AWAY: StorageAwayError,
}
_FULL = {errno.ENOSPC, errno.EDQUOT}
_WRITERS = trio.CapacityLimiter(24)
"""Threads that hash and write: a slow storage takes none from anybody else."""


class UploadSinkActor(Actor[UploadSink]):
    """Owns one artifact on its way in, which is begun with the first step."""

    mailbox_capacity: ClassVar[int] = 1

    def __init__(self, ref: Ref[UploadSink], store: Storage, kind: Kind, artifact_id: str) -> None:
        super().__init__(ref)
        self._store = store
        self._kind = kind
        self._id = artifact_id
        self._location = location_of(kind, artifact_id)
        self._hash = hashlib.sha256()
        self._size = 0
        self._incoming: Incoming | None = None
        self._failed: str | None = None

    async def init(self) -> None:
        """Own what is to come."""
        self.resources.callback(self._drop)

    async def handle_cast(self, message: UploadSinkCast) -> None:
        """Write a step, or give up."""
        match message:
            case Write(chunks=chunks):
                await self._step(lambda: self._write(chunks))
            case Abort():
                self.stop(SHUTDOWN)

    async def handle_call(self, message: UploadSinkCall, caller: Caller[Stored]) -> object:
        """Finish: write the rest, make it durable."""
        await self._step(lambda: self._finish(message.chunks))
        if self._failed is not None:
            caller.refuse(refusal(self._failed))
            return None
        self.stop()
        return Stored(self._id, self._kind, self._location, self._size, self._hash.digest())

    async def _step(self, work: Callable[[], object]) -> None:
        """Run `work` in a thread; stop when the storage is full or away, which is no crash."""
        if self._failed is not None:
            return
        try:
            await trio.to_thread.run_sync(work, limiter=_WRITERS)
        except (OSError, StorageFullError, StorageAwayError) as error:
            self._failed = _why(error)
            if self._failed is None:
                raise
            self.stop(Shutdown(self._failed))

    def _write(self, chunks: Sequence[bytes]) -> Incoming:
        """Hash and write; in a thread."""
        incoming = self._incoming = self._incoming or self._store.create(self._location)
        for chunk in chunks:
            self._hash.update(chunk)
            self._size += len(chunk)
        incoming.write(chunks)
        return incoming

    def _finish(self, chunks: Sequence[bytes]) -> None:
        """Write the rest and make it durable; in a thread."""
        self._write(chunks).publish()
        self._incoming = None

    def _drop(self) -> None:
        if self._incoming is not None:
            self._incoming.drop()
            self._incoming = None


def refusal(why: str) -> Exception:
    """Return the error that an end with this detail means to whoever feeds the sink."""
    return _REFUSALS[why](why)


def _why(error: BaseException) -> str | None:
    """Return the detail of an end that is nobody's bug."""
    if isinstance(error, StorageAwayError):
        return AWAY
    full = isinstance(error, StorageFullError) or (
        isinstance(error, OSError) and error.errno in _FULL
    )
    return FULL if full else None


def upload_sink_spec(
    ref: Ref[UploadSink], store: Storage, kind: Kind, artifact_id: str
) -> ChildSpec:
    """Child spec of a sink; temporary, because a body cannot be received twice."""
    return actor_spec(
        ref.name,
        lambda: UploadSinkActor(ref, store, kind, artifact_id),
        restart=Restart.TEMPORARY,
        shutdown=1.0,
    )
