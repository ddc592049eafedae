"""The dashboard: one page, drawn on the server; a small script fetches its tables anew."""

from __future__ import annotations

import json
import time

from quart import render_template

from actors.store import builds
from api.dashboard.demo import demo_page
from api.dashboard.presenters import build_row, worker_row
from api.exchange import Headers, Outcome, Reply, Request
from api.guards import Guard
from api.openapi.words import Media, Taken
from api.routing import Route

ROWS = 100
_HTML: Headers = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'self' 'unsafe-inline'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
)


async def dashboard(request: Request) -> Outcome:
    """Draw the page; with `?demo=true` it shows invented data, and says so."""
    if request.query.get("demo") == "true":
        page = demo_page()
    else:
        page = await _living(request)
    text = await render_template("dashboard.html", **page)
    return Reply(text.encode(), headers=_HTML)


async def _living(request: Request) -> dict[str, object]:
    db = request.services.db
    now = time.time_ns() // 1_000_000
    figures = await builds.stats(db)
    recent = await builds.recent_builds(db, ROWS)
    workers = [
        {**row, "capabilities": json.loads(row["capabilities"])}
        for row in await builds.list_workers(db, ROWS)
    ]
    return {
        "demo": False,
        "counters": {
            "Waiting": figures.builds_queued,
            "Building": figures.active_builds,
            "Workers online": figures.nodes_online,
            "Finished": figures.total_builds,
        },
        "builds": [build_row(row, now) for row in recent],
        "workers": [worker_row(row, now) for row in workers],
    }


def pages() -> tuple[Route, ...]:
    """Return the rows of the pages, for the route table."""
    return (
        Route(
            method="GET",
            path="/",
            guard=Guard.PUBLIC,
            handler=dashboard,
            failure="The dashboard could not be drawn",
            does="The dashboard, for people; `?demo=true` shows invented data.",
            answers=(Media("text/html"),),
            takes=(Taken("demo", "`true` shows invented data."),),
        ),
    )
