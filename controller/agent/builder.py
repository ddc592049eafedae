"""The seam between the protocol and the building."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class BuildFailedError(Exception):
    """The project does not build; the text is what its submitter is told."""


@dataclass(frozen=True, slots=True)
class Task:
    """One build as a builder sees it; `folder` is its own and goes away afterwards."""

    build_id: str
    platform: str
    source: Path
    source_sha256: str
    certs: Path | None
    folder: Path


class Journal(Protocol):
    """Where a builder says how it goes on; neither call waits."""

    def log(self, level: str, message: str) -> None:
        """Add a line (info, warn or error) to the build's log."""
        ...

    def progress(self, percent: int) -> None:
        """Tell how far it is."""
        ...


class Builder(Protocol):
    """Turns a project into a file to install."""

    async def build(self, task: Task, journal: Journal) -> Path:
        """Return the result's file, below the task's folder; `BuildFailedError` when there is none.

        Cancelled when the build was cancelled or given to another worker: ends at once then and
        leaves nothing running.
        """
        ...
