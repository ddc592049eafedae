"""The check of a downloaded project: what passes, and that nothing else gets out of it."""

from __future__ import annotations

import contextlib
import io
import random
import secrets
import zipfile
from pathlib import Path

import pytest

from controller.agent.archive import BrokenArchiveError, check_archive

METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


def _packed(*names: str, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name in names:
            archive.writestr(name, b"" if name.endswith("/") else b"some text " * 50)
    return packed.getvalue()


def test_a_whole_archive_passes_and_is_counted(tmp_path: Path) -> None:
    """Files are counted, folders are not."""
    path = tmp_path / "zip"
    path.write_bytes(_packed("a/", "a/b.js", "c.json"))
    contents = check_archive(path)
    assert (contents.files, contents.size) == (2, 1000)


@pytest.mark.parametrize("name", ["../up", "/root", "a/../../b", "a\\b"])
def test_a_path_that_leads_outside_is_refused(name: str, tmp_path: Path) -> None:
    """No entry may be unpacked outside the project's folder."""
    path = tmp_path / "zip"
    path.write_bytes(_packed("fine", name))
    with pytest.raises(BrokenArchiveError, match="outside"):
        check_archive(path)


@pytest.mark.parametrize("method", METHODS)
def test_damage_of_any_kind_is_the_same_refusal(method: int, tmp_path: Path) -> None:
    """Random damage never raises anything else (and seldom goes unnoticed)."""
    seed = secrets.randbelow(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    whole = _packed("a.js", "b/c.json", method=method)
    path = tmp_path / "zip"
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        start = rng.choice([0, 0, rng.randrange(len(damaged))])
        path.write_bytes(damaged[start : rng.choice([None, rng.randrange(len(damaged))])])
        with contextlib.suppress(BrokenArchiveError):
            check_archive(path)
