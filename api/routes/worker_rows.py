"""The routes about workers, one row each."""

from __future__ import annotations

from api.guards import Guard, Token
from api.routes import config, diagnostics, figures, leaving, results, workers
from api.routing import Body, Door, Route

WORKER_ROWS = (
    Route(
        method="POST",
        path="/api/workers/register",
        guard=Guard.API_KEY,
        handler=workers.register,
        failure="Worker registration failed",
        does="Announce a worker: `name`, `capabilities`, and its `id` when it has one.",
        body=Body.JSON,
    ),
    Route(
        method="GET",
        path="/api/workers/poll",
        guard=Guard.POLL,
        handler=workers.poll,
        failure="Poll failed",
        does="Ask for work for `?worker_id=`; with `wait=SECONDS` (0 to 60) the answer may wait.",
        door=Door.HOT,
        also=(Token.WORKER,),
    ),
    Route(
        method="POST",
        path="/api/workers/upload",
        guard=Guard.API_KEY,
        handler=workers.upload,
        failure="Upload failed",
        does="Report the end of a build: multipart `build_id`, `worker_id`, `success`, `result` "
        "or `error_message`.",
        body=Body.STREAM,
        door=Door.HOT,
        also=(Token.WORKER,),
    ),
    Route(
        method="POST",
        path="/api/workers/result",
        guard=Guard.API_KEY,
        handler=results.result,
        failure="Upload failed",
        does="The same for workers that do not say who they are: multipart `build_id`, `result`, "
        "or `success` other than `true` and `error_message`.",
        body=Body.STREAM,
        door=Door.HOT,
    ),
    Route(
        method="POST",
        path="/api/workers/fail",
        guard=Guard.API_KEY,
        handler=results.fail,
        failure="Upload failed",
        does="Report that a build failed: `build_id`, `error`.",
        body=Body.JSON,
    ),
    Route(
        method="POST",
        path="/api/workers/heartbeat",
        guard=Guard.API_KEY,
        handler=results.heartbeat,
        failure="Heartbeat failed",
        does="Sign of life of whoever holds the build `build_id`.",
        body=Body.JSON,
        door=Door.HOT,
    ),
    Route(
        method="GET",
        path="/api/workers/config",
        guard=Guard.API_KEY,
        handler=config.show,
        failure="Failed to read the configuration",
        does="Where workers are told to send their requests.",
    ),
    Route(
        method="PATCH",
        path="/api/workers/config",
        guard=Guard.API_KEY,
        handler=config.change,
        failure="Failed to store the configuration",
        does="Tell all workers, or `worker_id`, to send their requests to `controller_url`; null "
        "clears it.",
        body=Body.JSON,
    ),
    Route(
        method="GET",
        path="/api/workers/{id}/stats",
        guard=Guard.API_KEY,
        handler=figures.worker_stats,
        failure="Failed to fetch stats",
        does="What a worker has done.",
    ),
    Route(
        method="POST",
        path="/api/workers/{id}/unregister",
        guard=Guard.API_KEY,
        handler=workers.unregister,
        failure="Unregister failed",
        does="Sign a worker off; what it was building goes back to the queue.",
        body=Body.JSON,
    ),
    Route(
        method="POST",
        path="/api/diagnostics/report",
        guard=Guard.API_KEY,
        handler=diagnostics.report,
        failure="Failed to save diagnostic report",
        does="Keep what a worker found when it checked itself: `worker_id`, `status`, "
        "`duration_ms`, `checks`, `auto_fixed`.",
        body=Body.JSON,
    ),
    Route(
        method="GET",
        path="/api/diagnostics/{id}",
        guard=Guard.API_KEY,
        handler=diagnostics.list_reports,
        failure="Failed to fetch diagnostic reports",
        does="Reports of a worker, newest first; `?limit=` (10) tells how many, a negative one "
        "all.",
    ),
    Route(
        method="GET",
        path="/api/diagnostics/{id}/latest",
        guard=Guard.API_KEY,
        handler=diagnostics.latest,
        failure="Failed to fetch latest diagnostic",
        does="The newest report of a worker.",
    ),
    Route(
        method="POST",
        path="/api/workers/abandon",
        guard=Guard.WORKER_TOKEN,
        handler=leaving.abandon,
        failure="Abandon failed",
        does="Give the build `build_id` up, with a `reason`; it goes back to the queue.",
        body=Body.JSON,
    ),
    Route(
        method="POST",
        path="/api/workers/unregister",
        guard=Guard.WORKER_TOKEN,
        handler=leaving.unregister,
        failure="Unregister failed",
        does="Sign the worker off whose token this is.",
        body=Body.JSON,
    ),
)
