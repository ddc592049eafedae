"""Workers on the wire."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType


class Registered(Struct):
    """Answer to a registration; `status` is `registered` or `re-registered`."""

    id: str
    status: str
    baseImageId: str  # noqa: N815 - the name on the wire


class Job(Struct):
    """A build for a worker; addresses are paths on the controller it polled."""

    id: str
    platform: str
    source_url: str
    certs_url: str | None
    baseImageId: str  # noqa: N815 - the name on the wire
    attempt: int
    lease: str


class WorkerConfig(Struct):
    """What a worker shall change about itself: where it sends its requests."""

    controller_url: str


def config_of(controller_url: str | None) -> WorkerConfig | UnsetType:
    """Return what the answer to a poll or a heartbeat carries; nothing when nothing is set."""
    return UNSET if controller_url is None else WorkerConfig(controller_url)


class Polled(Struct):
    """Answer to a poll."""

    job: Job | None
    config: WorkerConfig | UnsetType = UNSET


class UploadTaken(Struct):
    """The reported end is stored: `success` or `failed`."""

    status: str


class Unregistered(Struct):
    """The worker is signed off; its builds went back to the queue."""

    success: bool
    message: str
    builds_reassigned: int
