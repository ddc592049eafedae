"""What a QueueManager is told; every call is safe to send again when its answer was lost.

A `Cancel` then says so (`repeated`), because its effect alone does not tell whose it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from actors.domain.build import Verdict
from actors.kernel.messages import Call, Cast
from actors.store.queue import ClaimAnswer, Report, Submission, Submitted
from actors.store.retry import Retrial, Retried


class QueueManager:
    """Marks the protocol of the actor."""


@dataclass(frozen=True, slots=True)
class Submit(Call[QueueManager, Submitted]):
    """Make a build of stored files; a repeated `submit_key` is the same build."""

    submission: Submission


@dataclass(frozen=True, slots=True)
class Retry(Call[QueueManager, Retried | None]):
    """Make a build of the files of another one; None when they are not there any more."""

    retrial: Retrial


@dataclass(frozen=True, slots=True)
class RequestWork(Call[QueueManager, ClaimAnswer]):
    """Give the worker its build: the one it holds, a new one, or none after `hold` seconds."""

    worker_id: str
    hold: float = 0.0


@dataclass(frozen=True, slots=True)
class Settle(Call[QueueManager, Verdict]):
    """Apply the end that a worker reports."""

    report: Report


@dataclass(frozen=True, slots=True)
class Cancel(Call[QueueManager, Verdict]):
    """End a build for its user; `repeated` accepts that an earlier try did it."""

    build_id: str
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Abandon(Call[QueueManager, Verdict]):
    """Put a build that its worker gives up back into the queue; `reason` is for its log."""

    build_id: str
    worker_id: str
    lease: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Unregister(Call[QueueManager, "int | None"]):
    """Sign a worker off; how many builds went back to the queue, None for an unknown one."""

    worker_id: str


@dataclass(frozen=True, slots=True)
class StopGranting(Call[QueueManager, None]):
    """Give no more work and let waiting polls go: this process is about to stop."""


@dataclass(frozen=True, slots=True)
class WorkMayWait(Cast[QueueManager]):
    """Builds may have entered the queue; `heard` of it from another controller, or not."""

    heard: bool = False


QueueManagerCall: TypeAlias = (
    Submit | Retry | RequestWork | Settle | Cancel | Abandon | Unregister | StopGranting
)
