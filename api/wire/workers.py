"""Workers on the wire."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType


class Registered(Struct):
    """Answer to a registration; `status` is `registered` or `re-registered`.

    `access_token` is for `X-Worker-Token`, for a minute and a half.
    """

    id: str
    status: str
    baseImageId: str  # noqa: N815 - the name on the wire
    access_token: str


class Job(Struct):
    """A build for a worker; addresses are paths on the controller it polled.

    `otp` is the password that the build's virtual machine may use once.
    """

    id: str
    platform: str
    source_url: str
    certs_url: str | None
    baseImageId: str  # noqa: N815 - the name on the wire
    attempt: int
    lease: str
    otp: str


class WorkerConfig(Struct):
    """What a worker shall change about itself: where it sends its requests."""

    controller_url: str


def config_of(controller_url: str | None) -> WorkerConfig | UnsetType:
    """Return what the answer to a poll or a heartbeat carries; nothing when nothing is set."""
    return UNSET if controller_url is None else WorkerConfig(controller_url)


class Polled(Struct):
    """Answer to a poll; to one with a token also the token to poll with next."""

    job: Job | None
    config: WorkerConfig | UnsetType = UNSET
    access_token: str | UnsetType = UNSET


class ConfigShown(Struct):
    """Where workers are told to send their requests: all of them, and some by id."""

    controller_url: str | None
    workers: dict[str, str]


class WorkerStats(Struct):
    """What a worker has done; `uptime` is the time since it registered first, in words."""

    totalBuilds: int  # noqa: N815 - the names on the wire
    successfulBuilds: int  # noqa: N815
    failedBuilds: int  # noqa: N815
    workerName: str  # noqa: N815
    status: str
    uptime: str


class UploadTaken(Struct):
    """The reported end is stored: `success` or `failed`."""

    status: str


class ResultTaken(Struct):
    """The reported end is stored: `success` or `failed`, and the same in a sentence."""

    status: str
    success: bool
    message: str


class FailureTaken(Struct):
    """The build is marked as failed."""

    success: bool
    message: str


class LifeTaken(Struct, omit_defaults=True):
    """A sign of life is noted; `cancelled` tells the worker to give up."""

    success: bool
    cancelled: bool = False
    config: WorkerConfig | UnsetType = UNSET


class Abandoned(Struct):
    """The build waits for another worker."""

    success: bool
    message: str


class Unregistered(Struct):
    """The worker is signed off; its builds went back to the queue."""

    success: bool
    message: str
    builds_reassigned: int
