"""Whether a downloaded project is a whole, sane zip; nothing of it is unpacked."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MAX_ENTRIES = 200_000
MAX_UNPACKED = 4 << 30

# Everything that zipfile and its decompressors raise on bad input (bz2 says OSError).
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)


class BrokenArchiveError(Exception):
    """The project cannot be unpacked safely; the text is a sentence for its submitter."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a checked archive."""

    files: int
    size: int


def check_archive(path: Path) -> Contents:
    """Read every entry of the zip at `path` and compare its checksum.

    Blocks: call it in a thread. Raises `BrokenArchiveError`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            size = sum(entry.file_size for entry in entries)
            if len(entries) > MAX_ENTRIES or size > MAX_UNPACKED:
                raise BrokenArchiveError("The source archive is too large when unpacked")
            if any(not _is_inside(entry.filename) for entry in entries):
                raise BrokenArchiveError("The source archive has paths that lead outside")
            if (broken := archive.testzip()) is not None:
                raise BrokenArchiveError(f"The source archive is damaged at {broken!r}")
    except _BROKEN as error:
        raise BrokenArchiveError(f"The source archive cannot be read: {error}") from error
    return Contents(files=sum(not entry.is_dir() for entry in entries), size=size)


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name
