"""What an agent reports while it works, for whoever watches it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Joined:
    """The controller knows the worker."""

    worker_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Granted:
    """A poll was answered with a build; `at` is the loop's time.

    The same grant is reported again when a poll is answered with what the worker holds already.
    """

    build_id: str
    worker_id: str
    attempt: int | None
    at: float


@dataclass(frozen=True, slots=True)
class Delivered:
    """The controller acknowledged a result, or the failure named by `error`."""

    build_id: str
    worker_id: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """The worker stopped working on a build without having reported on it."""

    build_id: str
    worker_id: str
    why: str


AgentEvent: TypeAlias = Joined | Granted | Delivered | Dropped
Observer: TypeAlias = Callable[[AgentEvent], None]
