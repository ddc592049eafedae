"""The feeding end of a sink: what a route holds while a body comes in."""

from __future__ import annotations

import trio

from actors.domain.artifact import LIMITS, MEBIBYTE, Kind, Stored, location_of
from actors.domain.errors import TooLargeError
from actors.domain.ids import new_id
from actors.kernel.errors import CallExitError
from actors.kernel.ref import Ref
from actors.storage.base import Storage
from actors.upload_sink.actor import refusal, upload_sink_spec
from actors.upload_sink.messages import Abort, Commit, UploadSink, Write
from supervisors.dynamic import Door
from supervisors.errors import NoProcError, StartError
from supervisors.exits import Crash, Shutdown
from supervisors.process import Process
from supervisors.spec import ChildSpec

COMMIT_SECONDS = 120.0
STEP = MEBIBYTE
"""Bytes gathered for one message and one hop to a thread, while few uploads run."""
SMALL_STEP = 128 * 1024
STEPS_TOGETHER = 12 * MEBIBYTE
"""What the steps of all uploads have in common: with many at once each takes smaller ones."""


class UploadLostError(Exception):
    """The sink ended in the middle of the body (killed, or the storage failed): send it again."""


class Upload:
    """One file on its way in; end it with `commit` or `abort`.

    Holds a step of bytes, its sink another, and one is on its way between them.
    """

    def __init__(
        self, ref: Ref[UploadSink], process: Process, kind: Kind, location: str, uploads: Door
    ) -> None:
        self._ref = ref
        self._process = process
        self._uploads = uploads
        self._chunks: list[bytes] = []
        self._gathered = 0
        self.kind = kind
        self.location = location
        self.size = 0

    @classmethod
    async def begin(cls, uploads: Door, store: Storage, kind: Kind) -> Upload:
        """Start a sink; `UploadLostError` when it cannot be started now."""
        artifact_id = new_id()
        ref = Ref[UploadSink](f"upload_sink-{artifact_id[:8]}")
        process = await _start(uploads, upload_sink_spec(ref, store, kind, artifact_id))
        if process is None:
            raise UploadLostError("uploads are not possible right now")
        return cls(ref, process, kind, location_of(kind, artifact_id), uploads)

    async def write(self, data: bytes) -> None:
        """Hand on bytes, waiting while the storage is behind.

        Raises `TooLargeError`, `StorageFullError`, `StorageAwayError` or `UploadLostError`.
        """
        self.size += len(data)
        if self.size > LIMITS[self.kind]:
            raise TooLargeError(self.kind.value)
        if not self._process.is_alive:
            raise self._lost()
        self._chunks.append(data)
        self._gathered += len(data)
        if self._gathered >= self._step():
            try:
                await self._ref.send(Write(self._taken()))
            except NoProcError:
                raise self._lost() from None

    async def commit(self) -> Stored:
        """Wait until the bytes are durable under their location; raises as `write` does."""
        try:
            return await self._ref.call(
                Commit(self._taken()), timeout=COMMIT_SECONDS, wait_for_room=True
            )
        except (NoProcError, CallExitError):
            raise self._lost() from None

    async def abort(self) -> None:
        """End the sink and wait until its file is gone; safe to call at any time."""
        self._chunks.clear()
        if self._process.is_alive:
            self._ref.cast(Abort())
            with trio.move_on_after(5, shield=True):
                self._process.shutdown()
                await self._process.join()

    def _step(self) -> int:
        together = STEPS_TOGETHER // max(1, self._uploads.count())
        return max(SMALL_STEP, min(STEP, together))

    def _taken(self) -> tuple[bytes, ...]:
        chunks, self._gathered = tuple(self._chunks), 0
        self._chunks.clear()
        return chunks

    def _lost(self) -> Exception:
        reason = self._process.exit
        if isinstance(reason, Shutdown) and isinstance(reason.detail, str):
            return refusal(reason.detail)
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
        if not isinstance(error.reason, Crash):
            return None
        raise
