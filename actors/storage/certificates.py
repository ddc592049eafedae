"""What a worker needs of the certificates that a build was submitted with."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from actors.domain.artifact import MEBIBYTE
from actors.storage.archive import Archive, ArchiveError, Entry
from actors.storage.base import Storage

MAX_WANTED = 10 * MEBIBYTE
"""How much is read into memory; the archive itself is no larger when it is submitted."""
_PASSWORD = "password.txt"  # noqa: S105 - the name of a file


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """The key and its password ("" when there is none), and the profiles in their order."""

    p12: bytes = field(repr=False)
    password: str = field(repr=False)
    profiles: list[bytes] = field(repr=False)


def read_certificates(store: Storage, location: str) -> Certificates:
    """Read them out of a stored archive; `ArchiveError` or `OSError`. Blocks: use a thread."""
    fd, size = store.open(location)
    try:
        return _read(Archive.open(fd, size))
    finally:
        os.close(fd)


def _read(archive: Archive) -> Certificates:
    keys = [entry for entry in archive.entries if entry.name.endswith(".p12")]
    passwords = [entry for entry in archive.entries if entry.name == _PASSWORD]
    profiles = [entry for entry in archive.entries if entry.name.endswith(".mobileprovision")]
    if not keys:
        raise ArchiveError("no key is in the archive")
    if sum(entry.size for entry in (keys[-1], *passwords, *profiles)) > MAX_WANTED:
        raise ArchiveError("key and profiles are too large")
    return Certificates(
        p12=archive.read(keys[-1]),
        password=_text(archive, passwords),
        profiles=[archive.read(entry) for entry in profiles],
    )


def _text(archive: Archive, entries: list[Entry]) -> str:
    """Return a text as it was meant: without a mark of byte order and white space around it."""
    data = archive.read(entries[0]) if entries else b""
    return data.decode("utf-8-sig", "replace").strip()
