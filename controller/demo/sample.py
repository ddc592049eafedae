"""Packing the sample project, so that no two builds have the same source."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = 0o644 << 16


def pack(app: Path, to: Path, filler: bytes) -> str:
    """Write the files below `app` and `filler` as a zip to `to`; returns its SHA-256 in hex.

    The same files and filler give the same bytes. Blocks.
    """
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in app.rglob("*") if path.is_file()):
            archive.writestr(_entry(path.relative_to(app).as_posix()), path.read_bytes())
        archive.writestr(_entry("assets/filler.bin"), filler)
    return hashlib.sha256(to.read_bytes()).hexdigest()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = _MODE
    return entry
