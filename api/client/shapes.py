"""Answers of the controller as the client reads them; unknown fields are ignored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from msgspec import Struct, field


class Submitted(Struct, frozen=True):
    """A build that the controller has acknowledged."""

    id: str
    access_token: str
    status: str = "pending"
    submitted_at: int = 0


class BuildStatus(Struct, frozen=True):
    """Where a build is; times are milliseconds since the epoch."""

    id: str
    status: str
    platform: str
    worker_id: str | None = None
    submitted_at: int | None = None
    started_at: int | None = None
    completed_at: int | None = None
    error_message: str | None = None


class BuildRow(Struct, frozen=True):
    """A line of the list of all builds."""

    id: str
    status: str
    created_at: str = field(name="createdAt", default="")
    completed_at: str | None = field(name="completedAt", default=None)


class LogEntry(Struct, frozen=True):
    """A line of a build's log; `level` is info, warn or error when a worker sends it."""

    level: str
    message: str
    timestamp: int = 0


class LogPage(Struct, frozen=True):
    """All log lines of a build."""

    logs: list[LogEntry]


class Registered(Struct, frozen=True):
    """A worker as the controller knows it."""

    id: str
    status: str = "registered"


class Job(Struct, frozen=True):
    """A build handed to a worker; a controller that fences gives `attempt` and `lease`."""

    id: str
    platform: str
    source_url: str
    certs_url: str | None = None
    base_image_id: str | None = field(name="baseImageId", default=None)
    attempt: int | None = None
    lease: str | None = None


class JobAnswer(Struct, frozen=True):
    """The answer to a poll."""

    job: Job | None = None


class Answer(Struct, frozen=True):
    """The answer to a write of a worker; `cancelled`: the build is not the worker's any more."""

    cancelled: bool = False


class TreeNode(Struct, frozen=True):
    """A supervisor or an actor in the picture of the running tree."""

    path: str
    id: str
    kind: str
    state: str
    children: list[TreeNode] = field(default_factory=list["TreeNode"])

    def walk(self) -> Iterator[TreeNode]:
        """Yield this node and all below, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Grant:
    """Which build a worker holds, and the proof of it; sent with every write of the worker."""

    build_id: str
    worker_id: str
    lease: str | None = None
