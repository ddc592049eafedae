"""The numbered steps from an empty database to `schema.sql`, forward only."""

from __future__ import annotations

import re
from importlib import resources

from actors.store.migrate import Migration

_FILE = re.compile(r"(\d{4})_(\w+)\.sql")


def load() -> list[Migration]:
    """Return all steps in order; `ValueError` when a number is missing or stands twice."""
    found: list[Migration] = []
    for entry in resources.files(__name__).iterdir():
        match = _FILE.fullmatch(entry.name)
        if match is not None:
            sql = entry.read_text(encoding="utf-8")
            found.append(Migration(int(match[1]), match[2], sql))
    found.sort(key=lambda step: step.version)
    if [step.version for step in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"migrations are not numbered 1 to {len(found)} without a gap")
    return found
