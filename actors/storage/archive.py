"""Zip archives from strangers, read without trust and never unpacked.

Only the central directory says what is inside, and only an archive that can be read in one way is
read at all: no entry may overlap, hide, link, leave the folder, share its name with another on a
Mac, be encrypted, or be an archive itself. Memory and time are bounded by the limits below,
whatever the headers declare. Functions here block: call them in a thread.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from actors.domain.artifact import MEBIBYTE

MAX_ENTRIES = 1000
MAX_DIRECTORY = MEBIBYTE
MAX_UNPACKED = 50 * MEBIBYTE
MAX_RATIO = 200
"""How much an entry of more than a mebibyte may shrink: certificates hardly do."""
_PIECE = 64 * 1024
_HEAD = 1024

_END = struct.Struct("<4s4H2IH")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_END_MARK, _CENTRAL_MARK, _LOCAL_MARK = b"PK\5\6", b"PK\1\2", b"PK\3\4"
_LONGEST_COMMENT = 0xFFFF
_ZIP64 = 0xFFFFFFFF
_STORED, _DEFLATED = 0, 8
_SIZES_FOLLOW, _UTF8 = 1 << 3, 1 << 11
_SECRET_FLAGS = 1 << 0 | 1 << 5 | 1 << 6 | 1 << 13  # encrypted, patched, or masked
_BAD_NAME = re.compile(r"^$|^/|^[A-Za-z]:|\\|\.\.|[\x00-\x1f\x7f]")
_INNER = (
    b"PK\3\4",
    b"PK\5\6",
    b"PK\7\x08",
    b"\x1f\x8b",
    b"7z\xbc\xaf",
    b"Rar!",
    b"BZh",
    b"\xfd7zXZ",
)
"""How archives begin."""
_LONGEST_MARK = max(map(len, _INNER))


class ArchiveError(Exception):
    """The archive is broken or hostile; the text says in which way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file of an archive, as the central directory has it; `start` is where its bytes are."""

    name: str
    method: int
    packed: int
    size: int
    crc: int
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    """An entry whose local header has not been looked at."""

    raw_name: bytes
    name: str
    flags: int
    method: int
    packed: int
    size: int
    crc: int
    offset: int


class Archive:
    """An open archive that has passed every check; entries stand in the order of the directory."""

    def __init__(self, fd: int, entries: Sequence[Entry]) -> None:
        self._fd = fd
        self.entries = entries

    @classmethod
    def open(cls, fd: int, size: int) -> Archive:
        """Check the archive behind a descriptor, which stays open; raises `ArchiveError`."""
        directory, count, at = _directory(fd, size)
        listed = list(_listed(directory, count))
        _check_together(listed)
        entries = _located(fd, listed, at)
        archive = cls(fd, entries)
        for entry in entries:
            archive.check_content(entry)
        return archive

    def read(self, entry: Entry) -> bytes:
        """Return the bytes of an entry: exactly the declared ones, or `ArchiveError`."""
        taken = bytearray()
        for piece in self._unpacked(entry, _PIECE):
            taken += piece
        if len(taken) != entry.size or zlib.crc32(taken) != entry.crc:
            raise ArchiveError("an entry is not what its header says")
        return bytes(taken)

    def check_content(self, entry: Entry) -> None:
        """Refuse an archive inside the archive; looks at the first bytes only."""
        head = bytearray()
        for piece in self._unpacked(entry, _HEAD):
            head += piece
            if len(head) >= _LONGEST_MARK:
                break
        if bytes(head).startswith(_INNER):
            raise ArchiveError("an archive in the archive")

    def _unpacked(self, entry: Entry, step: int) -> Iterator[bytes]:
        """Yield the bytes of an entry in pieces of `step` at most; never more than declared."""
        packed = self._packed(entry, step)
        left = entry.size
        for piece in _inflated(packed, step) if entry.method == _DEFLATED else packed:
            left -= len(piece)
            if left < 0:
                raise ArchiveError("an entry is larger than declared")
            yield piece

    def _packed(self, entry: Entry, step: int) -> Iterator[bytes]:
        at, end = entry.start, entry.start + entry.packed
        while at < end:
            piece = _read(self._fd, min(step, end - at), at)
            at += len(piece)
            yield piece


def _inflated(packed: Iterator[bytes], step: int) -> Iterator[bytes]:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for pending in packed:
            more = True
            while more:
                piece = inflate.decompress(pending, step)
                pending = inflate.unconsumed_tail  # noqa: PLW2901 - what is left of it
                more = bool(pending) or len(piece) == step  # the latter may have hidden some
                yield piece
    except zlib.error as error:
        raise ArchiveError("an entry cannot be unpacked") from error
    if not inflate.eof or inflate.unused_data:
        raise ArchiveError("an entry ends too early or too late")


def _read(fd: int, size: int, at: int) -> bytes:
    """Read exactly so many bytes."""
    data = os.pread(fd, size, at)
    if len(data) != size:
        raise ArchiveError("the archive is cut off")
    return data


def _directory(fd: int, size: int) -> tuple[bytes, int, int]:
    """Return the central directory, how many entries it says it has, and where it begins."""
    tail = _read(
        fd, min(size, _END.size + _LONGEST_COMMENT), max(0, size - _END.size - _LONGEST_COMMENT)
    )
    at = tail.rfind(_END_MARK)
    if at < 0 or at + _END.size > len(tail):
        raise ArchiveError("not a zip archive")
    _, disk, first_disk, count_here, count, length, begin, comment = _END.unpack_from(tail, at)
    if at + _END.size + comment != len(tail):
        raise ArchiveError("the end of the archive is not where it should be")
    if disk or first_disk or count_here != count:
        raise ArchiveError("an archive in several parts")
    if count > MAX_ENTRIES or length > MAX_DIRECTORY:
        raise ArchiveError("too many entries")
    if begin + length != size - len(tail) + at:  # that of a zip64 archive never is
        raise ArchiveError("the directory is not where it should be")
    return _read(fd, length, begin) if length else b"", count, begin


def _listed(directory: bytes, count: int) -> Iterator[_Listed]:
    at = 0
    for _ in range(count):
        if at + _CENTRAL.size > len(directory):
            raise ArchiveError("the directory is cut off")
        fields = _CENTRAL.unpack_from(directory, at)
        mark, flags, method = fields[0], fields[3], fields[4]
        crc, packed, size, name_length = fields[7:11]
        extra, comment, disk, _, attributes, offset = fields[11:]
        at += _CENTRAL.size
        raw_name = directory[at : at + name_length]
        at += name_length + extra + comment
        if mark != _CENTRAL_MARK or at > len(directory) or disk:
            raise ArchiveError("the directory is broken")
        _check_kind(flags, method, attributes >> 16)
        _check_sizes(method, packed, size)
        yield _Listed(
            raw_name=raw_name,
            name=_checked_name(raw_name, flags),
            flags=flags,
            method=method,
            packed=packed,
            size=size,
            crc=crc,
            offset=offset,
        )
    if at != len(directory):
        raise ArchiveError("the directory holds more than it says")


def _check_kind(flags: int, method: int, mode: int) -> None:
    if flags & _SECRET_FLAGS:
        raise ArchiveError("an encrypted entry")
    if method not in {_STORED, _DEFLATED}:
        raise ArchiveError("an entry packed in a strange way")
    if stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise ArchiveError("an entry that is no file")


def _check_sizes(method: int, packed: int, size: int) -> None:
    if _ZIP64 in {packed, size}:
        raise ArchiveError("a size that is somewhere else")
    if method == _STORED and packed != size:
        raise ArchiveError("an entry with two sizes")
    if size > MEBIBYTE and size > packed * MAX_RATIO:
        raise ArchiveError("an entry shrinks too well")


def _checked_name(raw: bytes, flags: int) -> str:
    try:
        name = raw.decode()  # most programs write UTF-8, flagged or not
    except UnicodeDecodeError as error:
        if flags & _UTF8:
            raise ArchiveError("a name that is no text") from error
        name = raw.decode("cp437")
    if _BAD_NAME.search(name):
        raise ArchiveError("a name that leads elsewhere")
    return name


def _check_together(listed: Sequence[_Listed]) -> None:
    """Check what only all entries together tell: the total, and names that mean one file."""
    if sum(entry.size for entry in listed) > MAX_UNPACKED:
        raise ArchiveError("too large when unpacked")
    names = {_as_on_a_mac(entry.name) for entry in listed}
    if len(names) != len(listed):
        raise ArchiveError("two entries of one name")


def _as_on_a_mac(name: str) -> str:
    folded = unicodedata.normalize("NFC", name).casefold()
    return unicodedata.normalize("NFC", folded).rstrip("/")


def _located(fd: int, listed: Sequence[_Listed], end: int) -> list[Entry]:
    """Find the bytes of every entry; they must lie one after the other before the directory."""
    starts: dict[int, int] = {}
    place = 0
    for entry in sorted(listed, key=lambda e: e.offset):
        if entry.offset < place:
            raise ArchiveError("entries overlap")
        starts[entry.offset] = _start(fd, entry, end)
        place = starts[entry.offset] + entry.packed
    if place > end:
        raise ArchiveError("an entry overlaps the directory")
    return [
        Entry(
            name=entry.name,
            method=entry.method,
            packed=entry.packed,
            size=entry.size,
            crc=entry.crc,
            start=starts[entry.offset],
        )
        for entry in listed
    ]


def _start(fd: int, entry: _Listed, end: int) -> int:
    """Return where an entry's bytes begin; its own header must agree with the directory."""
    wanted = _LOCAL.size + len(entry.raw_name)
    if entry.offset + wanted > end:
        raise ArchiveError("an entry outside the archive")
    header = _read(fd, wanted, entry.offset)
    mark, _, flags, method, _, _, crc, packed, size, name_length, extra = _LOCAL.unpack_from(header)
    if mark != _LOCAL_MARK or name_length != len(entry.raw_name):
        raise ArchiveError("an entry that is not there")
    if header[_LOCAL.size :] != entry.raw_name or (flags, method) != (entry.flags, entry.method):
        raise ArchiveError("an entry with two headers")
    told = not flags & _SIZES_FOLLOW and _ZIP64 not in {packed, size}
    if told and (crc, packed, size) != (entry.crc, entry.packed, entry.size):
        raise ArchiveError("an entry with two sizes")
    return entry.offset + wanted + extra
