"""Every route of the API, one row each; `docs/api.md` prints this table."""

from __future__ import annotations

from api.debug.rows import DEBUG_ROWS
from api.guards import Guard
from api.openapi.words import TEXT
from api.routes import cluster, health
from api.routes.build_rows import BUILD_ROWS
from api.routes.worker_rows import WORKER_ROWS
from api.routing import Door, Route
from api.wire import health as shapes
from api.wire.nodes import NodesListed

ROUTES = (
    Route(
        method="GET",
        path="/health",
        guard=Guard.PUBLIC,
        handler=health.health,
        failure="Health check failed",
        does="Counts of the queue, and where artifacts lie.",
        answers=(shapes.Health,),
    ),
    Route(
        method="GET",
        path="/api/health",
        guard=Guard.PUBLIC,
        handler=health.health,
        failure="Health check failed",
        does="The same, for workers that look here.",
        answers=(shapes.Health,),
    ),
    Route(
        method="GET",
        path="/ready",
        guard=Guard.PUBLIC,
        handler=health.ready,
        failure="Readiness check failed",
        does="200 when new work may be sent here; 503 while draining or without database.",
        answers=(shapes.Ready,),
        refuses=((503, shapes.Ready),),
    ),
    Route(
        method="GET",
        path="/live",
        guard=Guard.PUBLIC,
        handler=health.live,
        failure="Liveness check failed",
        does="200 for as long as the tree lives, whatever is away: nobody need restart us.",
        door=Door.HOT,
        answers=(shapes.Live,),
    ),
    Route(
        method="GET",
        path="/api/stats",
        guard=Guard.PUBLIC,
        handler=health.stats,
        failure="Failed to fetch stats",
        does="Figures of the farm, at most ten seconds old.",
        answers=(shapes.Stats,),
    ),
    Route(
        method="GET",
        path="/public/stats",
        guard=Guard.PUBLIC,
        handler=health.stats,
        failure="Failed to fetch stats",
        does="The same, for pages that look here.",
        answers=(shapes.Stats,),
    ),
    Route(
        method="GET",
        path="/metrics",
        guard=Guard.API_KEY,
        handler=health.metrics,
        failure="Metrics failed",
        does="Counters as Prometheus reads them.",
        answers=(TEXT,),
    ),
    *BUILD_ROWS,
    *WORKER_ROWS,
    *DEBUG_ROWS,
    Route(
        method="GET",
        path="/debug/nodes",
        guard=Guard.API_KEY,
        handler=cluster.list_nodes,
        failure="The nodes could not be listed",
        does="The controllers on this database, and which of them answers.",
        answers=(NodesListed,),
    ),
)
