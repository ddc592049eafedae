"""Every event of the build farm: facts in the past tense, the list that telemetry works by.

`supervisors/events.py` has those of the tree. `docs/events.md` explains each one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class BuildSubmitted:
    """A build is committed and waits."""

    name: ClassVar[str] = "build.submitted"
    build_id: str
    platform: str


@dataclass(frozen=True, slots=True)
class BuildAssigned:
    """A worker was given a build; `waited` is in seconds since submission."""

    name: ClassVar[str] = "build.assigned"
    build_id: str
    worker_id: str
    attempt: int
    waited: float


@dataclass(frozen=True, slots=True)
class BuildSettled:
    """A worker reported an end; `verdict` says whether it was applied."""

    name: ClassVar[str] = "build.settled"
    build_id: str
    worker_id: str
    success: bool
    verdict: str


@dataclass(frozen=True, slots=True)
class BuildCancelled:
    """A user cancelled a build."""

    name: ClassVar[str] = "build.cancelled"
    build_id: str


@dataclass(frozen=True, slots=True)
class BuildLost:
    """A build's worker fell silent; `requeued` tells whether there are attempts left."""

    name: ClassVar[str] = "build.lost"
    build_id: str
    worker_id: str
    attempt: int
    requeued: bool


@dataclass(frozen=True, slots=True)
class BuildAbandoned:
    """A worker gave its build up; it waits again."""

    name: ClassVar[str] = "build.abandoned"
    build_id: str
    worker_id: str


@dataclass(frozen=True, slots=True)
class WorkerRegistered:
    """A worker announced itself."""

    name: ClassVar[str] = "worker.registered"
    worker_id: str
    known: bool


@dataclass(frozen=True, slots=True)
class ClaimRan:
    """One claim statement ran for `asked` waiting workers and granted `granted` builds."""

    name: ClassVar[str] = "queue.claim_ran"
    asked: int
    granted: int
    seconds: float


@dataclass(frozen=True, slots=True)
class DatabaseLost:
    """Connections to the database fail; requests are answered 503 until it is back."""

    name: ClassVar[str] = "database.lost"
    error: str


@dataclass(frozen=True, slots=True)
class DatabaseFound:
    """The database answers again, after `seconds` away (0 at start)."""

    name: ClassVar[str] = "database.found"
    seconds: float


@dataclass(frozen=True, slots=True)
class ListenerLost:
    """The connection that hears other controllers ended; polls look by themselves meanwhile."""

    name: ClassVar[str] = "pubsub.listener_lost"


@dataclass(frozen=True, slots=True)
class ListenerFound:
    """Other controllers are heard again."""

    name: ClassVar[str] = "pubsub.listener_found"


@dataclass(frozen=True, slots=True)
class NodeVanished:
    """A controller on this database has said nothing for a while: it was killed."""

    name: ClassVar[str] = "cluster.node_vanished"
    node: str


@dataclass(frozen=True, slots=True)
class UploadStored:
    """An uploaded file is synced, hashed and under its final name."""

    name: ClassVar[str] = "upload.stored"
    kind: str
    size: int
    seconds: float


@dataclass(frozen=True, slots=True)
class UploadRefused:
    """An upload was ended before it was stored; `why` is one of a few words."""

    name: ClassVar[str] = "upload.refused"
    kind: str
    why: str


@dataclass(frozen=True, slots=True)
class StraysRemoved:
    """Files of uploads that never got a row were deleted."""

    name: ClassVar[str] = "storage.strays_removed"
    count: int


@dataclass(frozen=True, slots=True)
class SamplesForgotten:
    """Samples of machines were deleted, for their age."""

    name: ClassVar[str] = "database.samples_forgotten"
    count: int


@dataclass(frozen=True, slots=True)
class RequestFailed:
    """A request was answered with a server error."""

    name: ClassVar[str] = "http.request_failed"
    method: str
    route: str
    status: int


@dataclass(frozen=True, slots=True)
class RequestServed:
    """A request is over; status 0 when the client left first."""

    name: ClassVar[str] = "http.request_served"
    method: str
    route: str
    status: int
    seconds: float


@dataclass(frozen=True, slots=True)
class LoopStalled:
    """The event loop ran nothing else for so long; `stack` is what held it, innermost first."""

    name: ClassVar[str] = "loop.stalled"
    milliseconds: int
    stack: str


@dataclass(frozen=True, slots=True)
class DebugActed:
    """An operator did something to a process: `who` names themself, or is just the key."""

    name: ClassVar[str] = "debug.acted"
    what: str
    path: str
    generation: int
    who: str
    why: str


EVENTS = (
    BuildSubmitted,
    BuildAssigned,
    BuildSettled,
    BuildCancelled,
    BuildLost,
    BuildAbandoned,
    WorkerRegistered,
    ClaimRan,
    DatabaseLost,
    DatabaseFound,
    ListenerLost,
    ListenerFound,
    NodeVanished,
    UploadStored,
    UploadRefused,
    StraysRemoved,
    SamplesForgotten,
    RequestFailed,
    RequestServed,
    LoopStalled,
    DebugActed,
)
