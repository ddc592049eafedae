"""The files of the builds on this machine: a folder each, gone when its build is."""

from __future__ import annotations

import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_SAFE = re.compile(r"[A-Za-z0-9_-]{1,128}")


class UnsafeIdError(Exception):
    """The controller named a build in a way that must not become a path."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """All build folders, below `root`."""

    root: Path

    @contextmanager
    def folder(self, build_id: str) -> Generator[Path, None, None]:
        """Yield an empty folder for a build; what an earlier run left there is deleted."""
        if _SAFE.fullmatch(build_id) is None:
            raise UnsafeIdError(repr(build_id))
        path = self.root / build_id
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True, mode=0o700)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)
