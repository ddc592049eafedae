"""What a demonstration is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSettings:
    """One run; `url` None: with a controller of its own."""

    app: Path
    builds: int = 20
    workers: int = 5
    submitters: int = 4
    size: int = 256 * 1024
    build_seconds: float = 1.0
    seed: int = 0
    kill_something: bool = False
    patience: float = 180.0
    url: str | None = None
    api_key: str = ""
    keep: bool = False


@dataclass(frozen=True, slots=True)
class Access:
    """Where the controller is, and the key to it."""

    url: str
    api_key: str
