"""The feeding end of a sink: what a route holds while a body comes in."""

from __future__ import annotations

import trio

from actors.domain.artifact import LIMITS, Kind, Stored
from actors.domain.errors import StorageFullError, TooLargeError
from actors.domain.ids import new_id
from actors.kernel.errors import CallExitError
from actors.kernel.ref import Ref
from actors.storage.filesystem import FileStore
from actors.upload_sink.actor import is_full, upload_sink_spec
from actors.upload_sink.messages import Abort, Commit, UploadSink, Write
from supervisors.dynamic import Door
from supervisors.errors import NoProcError, StartError
from supervisors.exits import Crash, Shutdown
from supervisors.process import Process
from supervisors.spec import ChildSpec

COMMIT_SECONDS = 120.0


class UploadLostError(Exception):
    """The sink ended in the middle of the body (killed, or the storage failed): send it again."""


class Upload:
    """One file on its way in; end it with `commit` or `abort`."""

    def __init__(self, ref: Ref[UploadSink], process: Process, kind: Kind) -> None:
        self._ref = ref
        self._process = process
        self.kind = kind
        self.size = 0

    @classmethod
    async def begin(cls, uploads: Door, store: FileStore, kind: Kind) -> Upload:
        """Start a sink; `UploadLostError` when it cannot be started now."""
        ref = Ref[UploadSink](f"upload_sink-{new_id()[:8]}")
        process = await _start(uploads, upload_sink_spec(ref, store, kind))
        if process is None:
            raise UploadLostError("uploads are not possible right now")
        return cls(ref, process, kind)

    async def write(self, data: bytes) -> None:
        """Hand on bytes, waiting while the disk is behind.

        Raises `TooLargeError`, `StorageFullError` or `UploadLostError`.
        """
        self.size += len(data)
        if self.size > LIMITS[self.kind]:
            raise TooLargeError(self.kind.value)
        try:
            await self._ref.send(Write(data))
        except NoProcError:
            raise self._lost() from None

    async def commit(self) -> Stored:
        """Wait until the bytes are safe under their final name; raises as `write` does."""
        try:
            return await self._ref.call(Commit(), timeout=COMMIT_SECONDS, wait_for_room=True)
        except (NoProcError, CallExitError):
            raise self._lost() from None

    async def abort(self) -> None:
        """End the sink and wait until its file is gone; safe to call at any time."""
        if self._process.is_alive:
            self._ref.cast(Abort())
            with trio.move_on_after(5, shield=True):
                self._process.shutdown()
                await self._process.join()

    def _lost(self) -> Exception:
        reason = self._process.exit
        if isinstance(reason, Shutdown) and reason.detail is not None:
            return StorageFullError(str(reason.detail))
        return UploadLostError(f"the upload was cut off ({reason})")


async def _start(uploads: Door, spec: ChildSpec) -> Process | None:
    """Start a sink; None when it cannot be started now."""
    try:
        # Shielded: a sink that is started for nobody would stay for ever.
        with trio.CancelScope(shield=True):
            return await uploads.start_child(spec)
    except NoProcError:
        return None
    except StartError as error:
        crash = error.reason
        if not isinstance(crash, Crash):
            return None
        if is_full(crash.primary):
            raise StorageFullError("the disk is full") from error
        raise
