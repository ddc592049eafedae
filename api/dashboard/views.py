"""The dashboard: one page, drawn on the server; a small script fetches its tables anew."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from pathlib import Path

from quart import render_template

from actors.store import builds
from api.dashboard.demo import demo_page
from api.dashboard.presenters import build_row, worker_row
from api.exchange import Headers, Outcome, Reply, Request
from api.guards import Guard, has_key
from api.openapi.words import Media, Taken
from api.routing import Route

ROWS = 100
_SCRIPT = (Path(__file__).parent / "templates" / "dashboard.js").read_text(encoding="utf-8")
_SHA256 = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest())
_HTML: Headers = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (
        b"content-security-policy",
        b"default-src 'self'; style-src 'unsafe-inline'; script-src 'sha256-%b'; base-uri 'none';"
        b" form-action 'self'; frame-ancestors 'none'" % _SHA256,
    ),
    (b"x-content-type-options", b"nosniff"),
)


async def dashboard(request: Request) -> Outcome:
    """Draw the page; with `?demo=true` it shows invented data, and says so.

    Ids open what they name, so without the API key it holds only their beginnings, and no link.
    """
    if request.query.get("demo") == "true":
        page = demo_page()
    else:
        page = await _living(request)
    text = await render_template("dashboard.html", script=_SCRIPT, **page)
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
        "opened": has_key(request),
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
            does="The dashboard, for people; with the API key also ids and links. `?demo=true` "
            "shows invented data.",
            answers=(Media("text/html"),),
            takes=(Taken("demo", "`true` shows invented data."),),
        ),
    )
