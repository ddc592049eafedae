"""Routes that look at tree, processes, states, program and events, and change nothing."""

from __future__ import annotations

from actors.kernel import sys
from api.debug.about import about
from api.debug.acts import living, living_root, system
from api.debug.figures import SORTS, list_processes, system_figures
from api.debug.live import Wanted, follow
from api.debug.page import tree_html
from api.debug.picture import full_picture, shape, with_answers, with_stack
from api.debug.plain import plain
from api.debug.window import WATCHERS
from api.departure import until_departure
from api.errors import Refusal
from api.exchange import Headers, LiveReply, Outcome, Reply, Request, json_reply
from supervisors.snapshot import Node, draw

TEXT: Headers = ((b"content-type", b"text/plain; charset=utf-8"),)
EVENTS: Headers = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)
ASK_SECONDS = 1.0
LONGEST_LOOK = 10.0
MOST_ROWS = 1000


async def tree(request: Request) -> Outcome:
    """Show the tree as JSON, or as text with `?format=text`."""
    root = living_root(request)
    node = full_picture(root, request.services.db)
    if "ask" in request.query:
        node = await with_answers(root, node, _seconds(request, "ask", ASK_SECONDS))
    if path := request.query.get("stack"):
        node = with_stack(root, node, living(request, path).path)
    if request.query.get("format") == "html":
        return tree_html(node)
    if request.query.get("format") == "text":
        return Reply((draw(node) + "\n").encode(), headers=TEXT)
    return json_reply(shape(node))


async def process(request: Request) -> Outcome:
    """Show one process with its stack."""
    return json_reply(about(living(request, request.query.get("path"))))


async def state(request: Request) -> Outcome:
    """Show the state of an actor between two messages, secrets masked, and its debug log."""
    found = living(request, request.query.get("path"))
    seconds = _seconds(request, "ask", ASK_SECONDS)
    status = await system(found, lambda: sys.get_status(found, timeout=seconds))
    return json_reply({"path": found.path, "generation": found.generation, "status": plain(status)})


async def processes(request: Request) -> Outcome:
    """List the processes by `?sort=`, those whose path holds `?within=`."""
    sort = request.query.get("sort", "mailbox")
    if sort not in SORTS:
        raise Refusal(400, f"sort must be one of {', '.join(SORTS)}")
    most = request.query.get("limit", "50")
    rows = await list_processes(
        living_root(request),
        sort,
        min(int(most), MOST_ROWS) if most.isascii() and most.isdigit() else MOST_ROWS,
        within=request.query.get("within", ""),
        over=_seconds(request, "over", 0.0),
    )
    return json_reply({"sort": sort, "processes": rows})


async def figures(request: Request) -> Outcome:
    """Show what the program uses."""
    services = request.services
    found = system_figures(living_root(request), services.pulse)
    return json_reply({**found, "node": services.node, "watching": services.window.watching})


async def events(request: Request) -> Outcome:
    """Stream what happens and what changes; without `text/event-stream` what happened lately."""
    wanted = Wanted(request.query.get("under", ""), request.query.get("all") == "true")
    window = request.services.window
    if "text/event-stream" not in request.headers.get("accept", ""):
        recent = [one.shape() for one in window.recent if wanted.takes(one.event)]
        return json_reply({"events": recent})
    if window.watching >= WATCHERS:
        raise Refusal(503, f"{WATCHERS} clients watch already")
    root = living_root(request)

    def drawn() -> Node:
        return full_picture(root, request.services.db)

    return LiveReply(
        lambda write: until_departure(request, follow(window, drawn, wanted, write)), EVENTS
    )


def _seconds(request: Request, name: str, default: float) -> float:
    """Return a time from the query, within what anybody may wait for."""
    try:
        seconds = float(request.query.get(name) or default)
    except ValueError:
        seconds = default
    return min(seconds, LONGEST_LOOK) if seconds >= 0 else default
