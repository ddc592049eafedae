"""Workers on the wire."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from api.wire.form import File

Filled: TypeAlias = Annotated[str, Meta(min_length=1)]
Judged: TypeAlias = Annotated[Any, Meta(extra_json_schema={"type": ["string", "null"]})]
"""A text whose route has words of its own for a value of another type."""


class Registration(Struct):
    """A worker announces itself. `capabilities` are kept as sent; `platforms` in them is heeded.

    They have at most 16 KiB.
    """

    name: Annotated[str, Meta(min_length=1, extra_json_schema={"maxLength": 200})]
    capabilities: Any
    id: Judged = None


class UploadForm(Struct):
    """Form of the end of a build: the result, or why there is none."""

    build_id: Filled
    worker_id: Filled
    success: str = ""
    error_message: str = ""
    lease: str = ""
    result: File | UnsetType = UNSET


class ResultForm(Struct):
    """Form of the end of a build, by build; the worker may be left out."""

    build_id: Filled
    worker_id: str = ""
    success: str = "true"
    error_message: str = ""
    lease: str = ""
    result: File | UnsetType = UNSET


class BuildFailure(Struct):
    """The end of a build without a result."""

    build_id: Filled
    error: Filled
    worker_id: str = ""
    lease: str = ""


class BuildLife(Struct):
    """Sign of life of whoever holds the build."""

    build_id: Filled
    worker_id: str = ""
    lease: str = ""


class ConfigChange(Struct):
    """Where to send requests: all workers, or one; null clears it."""

    controller_url: str | None
    worker_id: Judged = None


class Abandonment(Struct):
    """A worker gives a build up."""

    build_id: Filled
    worker_id: Judged = None
    lease: str | None = None
    reason: str = ""


class Registered(Struct):
    """Answer to a registration; `status` is `registered` or `re-registered`.

    `access_token` is for `X-Worker-Token`, for a minute and a half.
    """

    id: str
    status: str
    baseImageId: str
    access_token: str


class Job(Struct):
    """A build for a worker; addresses are paths on the controller it polled.

    `otp` is the password that the build's virtual machine may use once.
    """

    id: str
    platform: str
    source_url: str
    certs_url: str | None
    baseImageId: str
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

    totalBuilds: int
    successfulBuilds: int
    failedBuilds: int
    workerName: str
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
