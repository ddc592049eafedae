"""The sink of one upload: bounded chunks in, hash and write off the event loop, rename at the end.

Dies here, by whatever cause: the temporary file is closed and deleted with the process, as an
Erlang port is, and whoever feeds the sink gets `NoProcError` at the next chunk. After a kill -9
the leftover in `incoming` is swept at the next start.
"""

from __future__ import annotations

import errno
import hashlib
import os
from typing import ClassVar

import trio

from actors.domain.artifact import MEBIBYTE, Kind, Stored, location_of
from actors.domain.errors import StorageFullError
from actors.domain.ids import new_id
from actors.kernel.actor import Actor, actor_spec
from actors.kernel.messages import Caller
from actors.kernel.ref import Ref
from actors.storage.filesystem import FileStore, Incoming, close_quietly
from actors.upload_sink.messages import (
    Abort,
    UploadSink,
    UploadSinkCall,
    UploadSinkCast,
    Write,
)
from supervisors.exits import SHUTDOWN, Shutdown
from supervisors.spec import ChildSpec, Restart

STEP = MEBIBYTE
"""Bytes gathered for one hop to a thread."""

_FULL = {errno.ENOSPC, errno.EDQUOT}


class UploadSinkActor(Actor[UploadSink]):
    """Owns one temporary file."""

    mailbox_capacity: ClassVar[int] = 4

    def __init__(self, ref: Ref[UploadSink], store: FileStore, kind: Kind) -> None:
        super().__init__(ref)
        self._store = store
        self._kind = kind
        self._id = new_id()
        self._hash = hashlib.sha256()
        self._chunks: list[bytes] = []
        self._gathered = 0
        self._size = 0
        self._file: Incoming | None = None

    async def init(self) -> None:
        """Open the temporary file."""
        self._file = await trio.to_thread.run_sync(self._store.create, self._id)
        self.resources.callback(self._drop)

    async def handle_cast(self, message: UploadSinkCast) -> None:
        """Gather bytes and write them in large steps, or give up."""
        match message:
            case Write(data=data):
                self._chunks.append(data)
                self._gathered += len(data)
                if self._gathered >= STEP:
                    await self._flush()
            case Abort():
                self.stop(SHUTDOWN)

    async def handle_call(self, message: UploadSinkCall, caller: Caller[Stored]) -> object:
        """Finish: flush, sync, rename."""
        del message
        await self._flush()
        if self._asked is not None or self._file is None:
            caller.refuse(StorageFullError("the disk is full"))
            return None
        location = location_of(self._kind, self._id)
        try:
            await trio.to_thread.run_sync(self._store.publish, self._file, location)
        except OSError as error:
            self._give_up(error)
            caller.refuse(StorageFullError("the disk is full"))
            return None
        os.close(self._file.fd)
        self._file = None
        self.stop()
        return Stored(self._id, self._kind, location, self._size, self._hash.digest())

    async def _flush(self) -> None:
        chunks, self._chunks, self._gathered = self._chunks, [], 0
        if not chunks or self._file is None:
            return
        try:
            await trio.to_thread.run_sync(self._write, self._file.fd, chunks)
        except OSError as error:
            self._give_up(error)

    def _write(self, fd: int, chunks: list[bytes]) -> None:
        """Hash and write; runs in a thread."""
        for chunk in chunks:
            self._hash.update(chunk)
            view = memoryview(chunk)
            while view:
                view = view[os.write(fd, view) :]
            self._size += len(chunk)

    def _give_up(self, error: OSError) -> None:
        """End cleanly and say why when the disk is full; anything else is a crash."""
        if not is_full(error):
            raise error
        self.stop(Shutdown("disk full"))

    def _drop(self) -> None:
        if self._file is not None:
            close_quietly(self._file)
            self._file = None


def is_full(error: BaseException) -> bool:
    """Whether the error says that there is no room left."""
    return isinstance(error, OSError) and error.errno in _FULL


def upload_sink_spec(ref: Ref[UploadSink], store: FileStore, kind: Kind) -> ChildSpec:
    """Child spec of a sink; temporary, because a body cannot be received twice."""
    return actor_spec(
        ref.name, lambda: UploadSinkActor(ref, store, kind), restart=Restart.TEMPORARY, shutdown=1.0
    )
