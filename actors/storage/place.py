"""From the place that an operator names to the storage that it is."""

from __future__ import annotations

from pathlib import Path

from actors.domain.artifact import MEBIBYTE
from actors.storage.base import Storage
from actors.storage.filesystem import FileStore
from actors.storage.objects import ObjectStore


def open_storage(place: Path | str, reserve_mb: int) -> Storage:
    """Return the storage in a folder, or at the address of an object store.

    `StorageSetupError` for an address that can be no such thing; nothing is asked for yet.
    """
    if isinstance(place, str):
        return ObjectStore(place)
    return FileStore(place, reserve_mb * MEBIBYTE)
