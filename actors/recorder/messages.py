"""What the recorder is told."""

from __future__ import annotations

from dataclasses import dataclass

from actors.kernel.messages import Call, Cast


class Recorder:
    """Marks the protocol of the actor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """A worker was heard of about a build; `working` tells that the build itself is running."""

    build_id: str
    worker_id: str
    working: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a build takes of its machine: percent of one core, mebibytes."""

    build_id: str
    cpu_percent: float
    memory_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Call[Recorder, None]):
    """Write log lines (level, message), a sample and a sign of life; answered when committed."""

    build_id: str
    lines: tuple[tuple[str, str], ...] = ()
    sample: Sample | None = None
    sign: Sign | None = None


@dataclass(frozen=True, slots=True)
class Heard(Cast[Recorder]):
    """A sign of life nobody waits for: the worker polled, or fetched the source."""

    sign: Sign


@dataclass(frozen=True, slots=True)
class Seen(Cast[Recorder]):
    """A worker was heard of."""

    worker_id: str
