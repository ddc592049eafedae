"""Multipart bodies, taken apart as they arrive: wanted files go to sinks, the rest is dropped.

Nothing is spooled: a piece of the body passes through here once, and the sink's mailbox holds the
client back while the storage is behind. Files get their names when the whole body is there, so none
lies without a row for longer than the commit of its row takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

import multipart  # pyright: ignore[reportMissingTypeStubs] - typed inside, without a marker
import trio
from multipart import (  # pyright: ignore[reportMissingTypeStubs] - as above
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
)

from actors.domain.artifact import LIMITS, Kind, Stored
from actors.domain.errors import StorageAwayError, StorageFullError
from actors.domain.events import UploadRefused, UploadStored
from actors.storage.base import Storage
from actors.store import builds
from actors.upload_sink.upload import Upload
from api.errors import Refusal
from api.exchange import Request
from api.text import storable

MALFORMED = (400, "Malformed multipart body")
TOO_MANY_PARTS = (413, "Malformed multipart body: too many or too large parts")
SIGN_SECONDS = 10.0
"""How often a body that arrives counts as a sign of life."""


@dataclass(slots=True)
class Form:
    """What a body held: text fields by name, stored files by name."""

    fields: dict[str, str] = field(default_factory=dict[str, str])
    files: dict[str, Stored] = field(default_factory=dict[str, Stored])


class FormReader:
    """Reads one body; whatever goes wrong, a cancel included, no file of it stays."""

    def __init__(
        self,
        request: Request,
        kinds: Mapping[str, Kind],
        on_sign: Callable[[Form], None] = lambda _: None,
    ) -> None:
        self._request = request
        self._services = request.services
        self._limits = request.services.limits
        self._kinds = kinds
        self._on_sign = on_sign
        self._next_sign = 0.0
        self._name = ""
        self._form = Form()
        self._upload: Upload | None = None
        self._uploads: dict[str, tuple[Upload, float]] = {}
        self._text: bytearray | None = None

    async def read(self) -> Form:
        """Return the form when the whole body is there and its files are safe.

        Raises `Refusal` for a body that is no form, `UnavailableError` before anything is read
        when the database is away, `StorageFullError` as early when there is no room, and what
        `Upload` raises.
        """
        parser = self._parser()
        if not self._services.db.open:  # bytes without a row would lie about until they are swept
            await builds.queue_counts(self._services.db)
        await self._find_room()
        try:
            async for piece in self._request.body():
                await self._take(parser, piece)
            parser.close()
            await self._commit()
        except MultipartError as error:
            await self._give_up(error)
            large = isinstance(error, ParserLimitReached)
            raise Refusal(*(TOO_MANY_PARTS if large else MALFORMED)) from error
        except BaseException as error:
            await self._give_up(error)
            raise
        return self._form

    def _parser(self) -> PushMultipartParser:
        kind, boundary = _content_type(self._request.headers.get("content-type", ""))
        if kind != "multipart/form-data" or not boundary:
            raise Refusal(400, "Content must be multipart/form-data")
        try:
            return PushMultipartParser(boundary, max_segment_count=self._limits.max_form_parts)
        except MultipartError as error:
            raise Refusal(400, "Content must be multipart/form-data") from error

    async def _find_room(self) -> None:
        told = self._request.headers.get("content-length", "")
        most = sum(LIMITS[kind] for kind in self._kinds.values())
        size = min(int(told), most) if told.isdecimal() else 0
        if not await trio.to_thread.run_sync(self._services.store.has_room, size):
            raise StorageFullError("the reserve would be used up")

    async def _take(self, parser: PushMultipartParser, piece: bytes) -> None:
        for event in parser.parse(piece):
            if isinstance(event, MultipartSegment):
                await self._begin(event)
            elif event is None:
                self._end()
            else:
                await self._continue(bytes(event))  # a copy only if it is none

    async def _begin(self, segment: MultipartSegment) -> None:
        self._name = segment.name or ""
        is_file = segment.filename is not None or segment.content_type == "application/octet-stream"
        kind = self._kinds.get(self._name)
        if is_file and kind is not None:
            await self._forget(self._name)
            self._upload = await self._begun(kind)
        elif not is_file:
            self._text = bytearray()

    async def _begun(self, kind: Kind) -> Upload:
        """Start an upload that is not swept before the request is over."""
        store = self._services.store
        upload = await Upload.begin(self._services.uploads, store, kind)
        self._uploads[self._name] = (upload, trio.current_time())
        store.held.add(upload.location)
        self._request.closing.callback(store.held.discard, upload.location)
        return upload

    async def _forget(self, name: str) -> None:
        """Drop an earlier file of the same name: the last one counts."""
        earlier = self._uploads.pop(name, None)
        if earlier is not None:
            await earlier[0].abort()

    async def _continue(self, data: bytes) -> None:
        if self._upload is not None:
            await self._upload.write(data)
            self._sign()
        elif self._text is not None:
            self._text += data[: max(0, self._limits.max_field_bytes - len(self._text))]

    def _end(self) -> None:
        if self._text is not None:
            text = self._text.decode("utf-8", "replace")
            self._form.fields[self._name] = storable(text)
        self._upload = self._text = None

    async def _commit(self) -> None:
        for name, (upload, began) in self._uploads.items():
            stored = self._form.files[name] = await upload.commit()
            seconds = trio.current_time() - began
            self._services.emit(UploadStored(stored.kind.value, stored.size, seconds))

    def _sign(self) -> None:
        now = trio.current_time()
        if now >= self._next_sign:
            self._next_sign = now + SIGN_SECONDS
            self._on_sign(self._form)

    async def _give_up(self, error: BaseException) -> None:
        with trio.CancelScope(shield=True):
            for name, (upload, _) in self._uploads.items():
                if name not in self._form.files:
                    self._services.emit(UploadRefused(upload.kind.value, type(error).__name__))
                    await upload.abort()
            await discard(self._services.store, list(self._form.files.values()))


def _content_type(header: str) -> tuple[str, str]:
    """Return the media type and its boundary, "" when it has none."""
    parse = cast("Any", multipart).parse_options_header
    kind, options = cast("tuple[str, dict[str, str]]", parse(header))
    return kind, options.get("boundary", "")


async def discard(store: Storage, files: list[Stored]) -> None:
    """Delete stored files that no row will own; one that stays is swept later."""

    def delete() -> None:
        for stored in files:
            with suppress(OSError, StorageAwayError):
                store.discard(stored.location)

    if files:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(delete)
