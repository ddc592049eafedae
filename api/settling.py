"""The end of a build, however it was reported: applied once, or refused in the right words."""

from __future__ import annotations

from actors.domain.artifact import Stored
from actors.domain.build import Status, Verdict
from actors.domain.errors import UnavailableError
from actors.queue_manager.messages import Settle
from actors.store import builds
from actors.store.queue import Report
from api.errors import Refusal
from api.exchange import Request
from api.form import discard

COMMAND_SECONDS = 25.0
"""How long a command may take before its client is told to try again."""
FINISHED = (409, "Build already finished")
NOT_YOURS = (403, "Build not assigned to this worker")
_REFUSED = {
    Verdict.UNKNOWN_BUILD: (404, "Build not found"),
    Verdict.UNKNOWN_WORKER: (404, "Worker not found"),
    Verdict.NOT_YOURS: NOT_YOURS,
    Verdict.FINISHED: FINISHED,
}
_KEPT = frozenset({Verdict.APPLIED, Verdict.NOT_YOURS, Verdict.FINISHED})
"""Verdicts after which the uploaded bytes belong to a row, as result or as evidence."""


async def settle(request: Request, report: Report, files: list[Stored]) -> None:
    """Apply a reported end, or raise its `Refusal`; `files` that no row owns are deleted.

    A failure may follow the commit: files without a row are then the janitor's.
    """
    verdict = await request.services.queue_manager.call_again(
        Settle(report), timeout=COMMAND_SECONDS, patience=COMMAND_SECONDS
    )
    if report.artifact is None or verdict not in _KEPT:
        await discard(request.services.store, await _without_row(request, files))
    refuse(verdict)


def refuse(verdict: Verdict) -> None:
    """Raise the `Refusal` of a verdict, if it is one."""
    if verdict in _REFUSED:
        raise Refusal(*_REFUSED[verdict])


async def is_completed_by(request: Request, report: Report) -> bool:
    """Whether the reporting worker is the one that completed the build."""
    build = await builds.get_build(request.services.db, report.build_id)
    return (
        build is not None
        and build.status == Status.COMPLETED
        and build.worker_id == report.worker_id
    )


async def _without_row(request: Request, files: list[Stored]) -> list[Stored]:
    """Return the files that no row owns.

    `AGAIN` is also the verdict when our own first try was committed and its answer lost: the file
    is the result by then.
    """
    if not files:
        return []
    try:
        owned = await builds.known_locations(request.services.db, [f.location for f in files])
    except UnavailableError:
        return []  # the janitor's
    return [stored for stored in files if stored.location not in owned]
