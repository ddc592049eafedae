"""Archives from strangers: good ones are read, every hostile one is refused in bounded memory."""

from __future__ import annotations

import os
import random
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from actors.storage.archive import Archive, ArchiveError
from actors.storage.certificates import Certificates, read_certificates
from actors.storage.filesystem import FileStore
from tests.support.archives import HOSTILE, MIB, P12, Member, archive, plain, streamed

MEMORY = 4 * MIB
FILES = [
    ("certs/", b""),
    ("certs/old.p12", b"old"),
    ("b.mobileprovision", b"profile b"),
    ("password.txt", b"\xef\xbb\xbf geheim\xc3\xa9 \r\n"),
    ("certs/new.p12", P12),
    ("certs/a.mobileprovision", b"profile a"),
    ("certs/password.txt", b"not this one"),
    ("readme.md", b"x" * 100_000),
]


@contextmanager
def opened(data: bytes, folder: Path) -> Iterator[tuple[int, int]]:
    """Have a file with these bytes."""
    path = folder / "a.zip"
    path.write_bytes(data)
    fd = os.open(path, os.O_RDONLY)
    try:
        yield fd, len(data)
    finally:
        os.close(fd)


def read(data: bytes, folder: Path) -> Certificates:
    """Read the certificates in an archive."""
    (folder / "a.zip").write_bytes(data)
    return read_certificates(FileStore(folder), "a.zip")


@pytest.mark.parametrize("how", ["deflated", "stored", "streamed"])
def test_good_archives_are_read(how: str, tmp_path: Path) -> None:
    """Last key, password of that very name without white space, profiles in their order."""
    data = streamed(FILES) if how == "streamed" else b""
    if how != "streamed":
        data = plain(FILES, zipfile.ZIP_STORED if how == "stored" else zipfile.ZIP_DEFLATED)
    found = read(data, tmp_path)
    assert (found.p12, found.password) == (P12, "geheimé")
    assert found.profiles == [b"profile b", b"profile a"]
    assert "geheim" not in repr(found)


def test_what_is_missing_is_empty(tmp_path: Path) -> None:
    """No password is an empty one, no profiles are none; an empty key is one."""
    found = read(archive(Member(data=b"")), tmp_path)
    assert (found.p12, found.password, found.profiles) == (b"", "", [])


def test_comments_and_gaps_do_no_harm(tmp_path: Path) -> None:
    """What ordinary programs write is not refused."""
    odd = Member(name="k.p12", deflate=True)
    for data in (
        archive(odd, comment=b"made by hand"),
        archive(odd, comment=b"x" * 0xFFFF),
        archive(Member(name="ä.p12".encode("cp437"))),
        archive(Member(name="ä.p12", flags=1 << 11)),
        archive(odd, Member(name="zeros", data=bytes(MIB), deflate=True)),
        archive(Member(mode=0)),
        archive(Member(extra=b"\x55\x54\x05\0\1abcd")),
        archive(Member(), *(Member(name=f"{i}", data=b"") for i in range(999))),
    ):
        assert read(data, tmp_path).p12 == P12


def test_fifty_mebibytes_are_the_limit(tmp_path: Path) -> None:
    """Exactly the limit is allowed, one byte more is not."""
    noise = random.Random(1).randbytes(5000)
    block = (noise * (MIB // 5000 + 1))[:MIB]
    fill = [Member(name=f"{i}", data=block, deflate=True) for i in range(49)]
    rest = Member(name="rest", data=block[: MIB - len(P12)], deflate=True)
    assert read(archive(Member(), *fill, rest), tmp_path).p12 == P12
    over = Member(name="over", data=b"1")
    with pytest.raises(ArchiveError):
        read(archive(Member(), *fill, rest, over), tmp_path)


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_archive_is_refused(what: str, tmp_path: Path) -> None:
    """With an error of ours, in a few mebibytes of memory whatever it declares."""
    data = HOSTILE[what]()
    (tmp_path / "a.zip").write_bytes(data)
    del data
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveError):
            read_certificates(FileStore(tmp_path), "a.zip")
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


def test_the_corpus_is_large() -> None:
    """At least forty ways to be hostile."""
    assert len(HOSTILE) >= 40


def test_every_cut_and_most_changed_bytes_are_refused_or_harmless(tmp_path: Path) -> None:
    """No crash but `ArchiveError`, and never other bytes than the key's."""
    seed = random.randrange(10**6)
    print("seed", seed)
    chance = random.Random(seed)
    good = plain([("k.p12", P12), ("a.mobileprovision", b"profile" * 50)])
    bad = [good[:length] for length in range(len(good))]
    for _ in range(1500):
        changed = bytearray(good)
        changed[chance.randrange(len(good))] = chance.randrange(256)
        bad.append(bytes(changed))
    for data in bad:
        with opened(data, tmp_path) as (fd, size):
            try:
                found = Archive.open(fd, size)
                contents = [found.read(entry) for entry in found.entries]
            except ArchiveError:
                continue
        assert contents == [P12, b"profile" * 50]


def test_output_on_the_edge_of_a_piece_is_complete(tmp_path: Path) -> None:
    """A stream whose last match fills a piece exactly is not taken for a cut one."""
    for size in (64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 128 * 1024, 258 * 254, 1024, 1023):
        data = b"\x30" + bytes(size - 1)
        assert read(archive(Member(data=data, deflate=True)), tmp_path).p12 == data


def test_a_file_that_is_gone_is_no_archive(tmp_path: Path) -> None:
    """The error of the system passes through."""
    with pytest.raises(FileNotFoundError):
        read_certificates(FileStore(tmp_path), "nothing")
