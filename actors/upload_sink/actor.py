"""The sink of one upload: bounded chunks in, hash and write off the event loop, rename at the end.

Dies here, by whatever cause: the temporary file is closed and deleted with the process, as an
Erlang port is, and whoever feeds the sink gets `NoProcError` at the next chunk. After a kill -9
the leftover in `incoming` is swept at the next start.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
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
    """Owns one temporary file, which is made with the first step: a small body is one step."""

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
        self._full = False

    async def init(self) -> None:
        """Own the file that is to come."""
        self.resources.callback(self._drop)

    async def handle_cast(self, message: UploadSinkCast) -> None:
        """Gather bytes and write them in large steps, or give up."""
        match message:
            case Write(data=data):
                self._chunks.append(data)
                self._gathered += len(data)
                if self._gathered >= STEP:
                    await self._step(self._write)
            case Abort():
                self.stop(SHUTDOWN)

    async def handle_call(self, message: UploadSinkCall, caller: Caller[Stored]) -> object:
        """Finish: write the rest, sync, rename."""
        del message
        location = location_of(self._kind, self._id)
        if not await self._step(lambda: self._finish(location)):
            caller.refuse(StorageFullError("the disk is full"))
            return None
        self.stop()
        return Stored(self._id, self._kind, location, self._size, self._hash.digest())

    async def _step(self, work: Callable[[], object]) -> bool:
        """Run `work` in a thread; False, now and later, when the disk is full."""
        if self._full:
            return False
        try:
            await trio.to_thread.run_sync(work)
        except OSError as error:
            if not is_full(error):
                raise
            self._full = True
            self.stop(Shutdown("disk full"))
            return False
        return True

    def _write(self) -> Incoming:
        """Hash and write what is gathered; in a thread."""
        file = self._file = self._file or self._store.create(self._id)
        chunks, self._chunks, self._gathered = self._chunks, [], 0
        for chunk in chunks:
            self._hash.update(chunk)
            view = memoryview(chunk)
            while view:
                view = view[os.write(file.fd, view) :]
            self._size += len(chunk)
        return file

    def _finish(self, location: str) -> None:
        """Write the rest and give the file its final name; in a thread."""
        file = self._write()
        self._store.publish(file, location)
        self._file = None
        os.close(file.fd)

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
