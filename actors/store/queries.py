"""Named SQL: `-- name: x` in a `.sql` file of this folder becomes the statement `x`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load(file: str) -> Mapping[str, str]:
    """Return the statements of one file by name; `ValueError` when a name stands twice."""
    text = resources.files(__package__ or "actors.store").joinpath(file).read_text(encoding="utf-8")
    parts = _NAME.split(text)[1:]
    names, bodies = parts[::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{file} names a statement twice")
    return MappingProxyType({n: b.strip() for n, b in zip(names, bodies, strict=True)})


def files() -> list[str]:
    """Return the names of all statement files."""
    folder = resources.files(__package__ or "actors.store")
    return sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
