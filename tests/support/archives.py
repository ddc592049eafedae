"""Zip archives as clients make them, and as attackers do; every one is made here, byte by byte."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

P12 = b"\x30\x82 a key and its certificate"
UNIX = 3 << 8 | 20
END, CENTRAL, LOCAL = b"PK\5\6", b"PK\1\2", b"PK\3\4"
MIB = 1024 * 1024


@dataclass(frozen=True)
class Member:
    """One entry; what is None follows from the data, everything can be a lie."""

    name: str | bytes = "dist.p12"
    data: bytes = P12
    deflate: bool = False
    flags: int = 0
    method: int | None = None
    mode: int = 0o100644
    size: int | None = None
    packed_size: int | None = None
    crc: int | None = None
    packed: bytes | None = None
    offset: int | None = None
    local_name: bytes | None = None
    local_method: int | None = None
    local_size: int | None = None
    extra: bytes = b""
    disk: int = 0

    @property
    def raw_name(self) -> bytes:
        """The name as it is written."""
        return self.name if isinstance(self.name, bytes) else self.name.encode()

    @property
    def body(self) -> bytes:
        """The bytes as they lie in the archive."""
        if self.packed is not None:
            return self.packed
        return deflated(self.data) if self.deflate else self.data

    def numbers(self) -> tuple[int, int, int, int]:
        """Return method, checksum, packed and unpacked size."""
        method = self.method if self.method is not None else 8 if self.deflate else 0
        crc = zlib.crc32(self.data) if self.crc is None else self.crc
        packed = len(self.body) if self.packed_size is None else self.packed_size
        return method, crc, packed, len(self.data) if self.size is None else self.size

    def local(self) -> bytes:
        """Return local header and bytes."""
        name = self.raw_name if self.local_name is None else self.local_name
        method, crc, packed, size = self.numbers()
        method = method if self.local_method is None else self.local_method
        size = size if self.local_size is None else self.local_size
        head = (20, self.flags, method, 0, 0, crc, packed, size, len(name), 0)
        return LOCAL + struct.pack("<5H3I2H", *head) + name + self.body

    def central(self, offset: int) -> bytes:
        """Return the entry of the directory."""
        name, (method, crc, packed, size) = self.raw_name, self.numbers()
        at = offset if self.offset is None else self.offset
        first = (UNIX, 20, self.flags, method, 0, 0, crc, packed, size, len(name))
        last = (len(self.extra), 0, self.disk, 0, self.mode << 16, at)
        return CENTRAL + struct.pack("<6H3I5H2I", *first, *last) + name + self.extra


def deflated(data: bytes) -> bytes:
    """Compress as a zip archive has it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def end(entries: int, length: int, at: int, comment: bytes = b"", **lies: int) -> bytes:
    """Return the end of an archive."""
    fields = {"disk": 0, "first": 0, "here": entries, "count": entries, "size": length, "begin": at}
    fields.update(lies)
    return END + struct.pack("<4H2IH", *fields.values(), len(comment)) + comment


def archive(*members: Member, comment: bytes = b"", **lies: int) -> bytes:
    """Put an archive together."""
    body, directory = bytearray(), bytearray()
    for member in members:
        directory += member.central(len(body))
        body += member.local()
    last = end(len(members), len(directory), len(body), comment, **lies)
    return bytes(body + directory + last)


def plain(files: Iterable[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Make an archive with the library that everybody uses."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", method) as made:
        for name, data in files:
            made.writestr(name, data)
    return into.getvalue()


def streamed(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Make an archive whose sizes follow the data, as a program that writes to a pipe does."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            taken = bytes(data)  # type: ignore[call-overload]
            self.data += taken
            return len(taken)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as made:  # type: ignore[call-overload]
        for name, data in files:
            made.writestr(name, data)
    return bytes(pipe.data)


def _overlapping() -> bytes:
    """Many entries that share one bomb."""
    bomb = Member(name="0.bin", data=bytes(900_000), deflate=True)
    others = [replace(bomb, name=f"{i}.bin", offset=0, local_name=b"0.bin") for i in range(40)]
    body = bomb.local()
    directory = b"".join(m.central(0) for m in [Member(offset=len(body)), *others])
    key = Member().local()
    return body + key + directory + end(41, len(directory), len(body + key))


def _quoted() -> bytes:
    """Hide the headers of an entry in the bytes of another."""
    inner = Member(name="dist.p12").local()
    outer = Member(name="outer.bin", data=inner + b"x" * 50)
    body = outer.local()
    at = len(body) - len(outer.data)
    directory = outer.central(0) + Member(name="dist.p12").central(at)
    return body + directory + end(2, len(directory), len(body))


def _into_directory() -> bytes:
    key = Member()
    return archive(replace(key, packed=b"", data=key.data, size=40, packed_size=40))


def _zip64() -> bytes:
    """Tell the sizes a second time, elsewhere."""
    body, directory = Member().local(), Member().central(0)
    at = len(body) + len(directory)
    record = b"PK\6\6" + struct.pack("<Q2H2I4Q", 44, 45, 45, 0, 0, 1, 1, len(directory), len(body))
    locator = b"PK\6\7" + struct.pack("<IQI", 0, at, 1)
    last = end(1, 0xFFFFFFFF, 0xFFFFFFFF, here=0xFFFF, count=0xFFFF)
    return body + directory + record + locator + last


def _hidden_zip64() -> bytes:
    """Do the same with an ordinary end, which other readers would not believe."""
    body, directory = Member().local(), Member().central(0)
    locator = b"PK\6\7" + struct.pack("<IQI", 0, 7, 1)
    return body + directory + locator + end(1, len(directory), len(body))


def _two_ends() -> bytes:
    """Two directories, the second in the comment of the first."""
    good = archive(Member())
    other = archive(Member(name="other.p12"))
    return good[:-2] + struct.pack("<H", len(other)) + other


def _lying_bomb() -> bytes:
    """Declare a bomb to be small."""
    bomb = deflated(bytes(60 * MIB))
    return archive(Member(packed=bomb, data=P12, method=8))


def _many_entries(count: int) -> bytes:
    return archive(Member(), *(Member(name=f"{i}", data=b"") for i in range(count)))


def _huge_directory() -> bytes:
    return archive(Member(), *(Member(name=f"{i:060}", data=b"") for i in range(65_000)))


def _random(seed: int) -> bytes:
    return random.Random(seed).randbytes(5000)


PAIR = [("é.p12", "e\u0301.p12"), ("Dist.p12", "DIST.P12"), ("straße.p12", "STRASSE.p12")]

HOSTILE: dict[str, Callable[[], bytes]] = {
    "empty file": lambda: b"",
    "one byte": lambda: b"P",
    "random bytes": lambda: _random(7),
    "text": lambda: b"this is not an archive at all" * 100,
    "end only, cut": lambda: END + b"\0" * 10,
    "no entries": archive,
    "no key": lambda: archive(Member(name="password.txt")),
    "folder named as a key": lambda: archive(Member(name="dist.p12/", data=b"")),
    "cut at the end": lambda: archive(Member())[:-1],
    "cut in the directory": lambda: archive(Member())[:-40],
    "cut in the bytes": lambda: archive(Member(data=bytes(500)))[200:],
    "bytes after the end": lambda: archive(Member()) + b"\0",
    "bytes before the start": lambda: b"#!/bin/sh\n" + archive(Member()),
    "two ends": _two_ends,
    "several disks": lambda: archive(Member(), disk=1),
    "directory on another disk": lambda: archive(Member(), first=1),
    "entry on another disk": lambda: archive(Member(disk=1)),
    "counts differ": lambda: archive(Member(), here=2),
    "fewer counted than there": lambda: archive(Member(), Member(name="b"), here=1, count=1),
    "more counted than there": lambda: archive(Member(), here=2, count=2),
    "directory elsewhere": lambda: archive(Member(), begin=3),
    "zip64": _zip64,
    "hidden zip64": _hidden_zip64,
    "zip64 sizes": lambda: archive(
        Member(size=0xFFFFFFFF, packed_size=0xFFFFFFFF, extra=struct.pack("<2H2Q", 1, 16, 9, 9))
    ),
    "declared total": lambda: archive(
        Member(), *(Member(name=f"{i}", data=bytes(MIB - 1), deflate=True) for i in range(51))
    ),
    "declared size": lambda: archive(Member(), Member(name="b", size=51 * MIB, deflate=True)),
    "ratio": lambda: archive(Member(), Member(name="b", data=bytes(8 * MIB), deflate=True)),
    "lying bomb": _lying_bomb,
    "key of 11 MiB": lambda: archive(Member(data=b"0" + bytes(11 * MIB))),
    "shorter than declared": lambda: archive(Member(deflate=True, size=len(P12) + 1)),
    "longer than declared": lambda: archive(Member(deflate=True, size=len(P12) - 1)),
    "stored with two sizes": lambda: archive(Member(size=len(P12) - 1)),
    "wrong checksum": lambda: archive(Member(crc=1)),
    "broken stream": lambda: archive(Member(packed=b"\xff" * 30, method=8)),
    "bytes after the stream": lambda: archive(Member(packed=deflated(P12) + b"more", method=8)),
    "cut stream": lambda: archive(Member(packed=deflated(P12)[:-3], method=8)),
    "parent folder": lambda: archive(Member(), Member(name="../b")),
    "parent folder inside": lambda: archive(Member(), Member(name="a/../../b")),
    "two dots anywhere": lambda: archive(Member(), Member(name="a..b")),
    "absolute": lambda: archive(Member(), Member(name="/etc/passwd")),
    "backslash": lambda: archive(Member(), Member(name="a\\b")),
    "drive": lambda: archive(Member(), Member(name="C:evil")),
    "network path": lambda: archive(Member(), Member(name="\\\\host\\share")),
    "nul in a name": lambda: archive(Member(), Member(name="a\0.p12")),
    "newline in a name": lambda: archive(Member(), Member(name="a\nb")),
    "no name": lambda: archive(Member(), Member(name="")),
    "name that is no text": lambda: archive(Member(), Member(name=b"\xff\xfe", flags=1 << 11)),
    "symbolic link": lambda: archive(Member(), Member(name="l", data=b"/etc", mode=0o120777)),
    "device": lambda: archive(Member(), Member(name="d", data=b"", mode=0o020666)),
    "pipe": lambda: archive(Member(), Member(name="p", data=b"", mode=0o010666)),
    "key that is a link": lambda: archive(Member(data=b"/etc/passwd", mode=0o120777)),
    "encrypted": lambda: archive(Member(flags=1)),
    "masked headers": lambda: archive(Member(flags=1 << 13)),
    "strange packing": lambda: archive(Member(method=14)),
    "deflate64": lambda: archive(Member(method=9)),
    "twice": lambda: archive(Member(), Member()),
    "twice, as file and folder": lambda: archive(Member(), Member(name="dist.p12/", data=b"")),
    "overlap": _overlapping,
    "quoted overlap": _quoted,
    "into the directory": _into_directory,
    "outside the archive": lambda: archive(Member(offset=10_000_000)),
    "header that is none": lambda: archive(Member(offset=5)),
    "two names": lambda: archive(Member(local_name=b"other123")),
    "names of two lengths": lambda: archive(Member(local_name=b"other")),
    "two packings": lambda: archive(Member(local_method=8)),
    "two sizes": lambda: archive(Member(local_size=5)),
    "archive inside": lambda: archive(Member(), Member(name="b", data=archive(Member()))),
    "packed archive inside": lambda: archive(
        Member(), Member(name="b", data=archive(Member()), deflate=True)
    ),
    "key that is an archive": lambda: archive(Member(data=archive(Member()))),
    "gzip inside": lambda: archive(Member(), Member(name="b", data=b"\x1f\x8b\x08" + bytes(20))),
    "a thousand and one": lambda: _many_entries(1000),
    "sixty-five thousand": _huge_directory,
    **{
        f"one name on a Mac: {a!r}": lambda a=a, b=b: archive(Member(name=a), Member(name=b))
        for a, b in PAIR
    },
}
"""What must be refused, by what is wrong with it."""
