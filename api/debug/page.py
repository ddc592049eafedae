"""The page at `/debug`: the tree drawn on the server, kept alive by a script without libraries.

The page itself holds nothing: everything else is asked for with the key, which the script keeps
for as long as the tab is open and sends in a header, never in an address.
"""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from api.exchange import Headers, Outcome, Reply, Request
from api.guards import Guard
from api.openapi.words import Media
from api.routing import Door, Route
from supervisors.snapshot import Node

_PARTS = Path(__file__).parent / "page_parts"
_TEMPLATES = Environment(
    loader=FileSystemLoader(_PARTS), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
_SAFE: Headers = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'self'; img-src data:; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_HTML: Headers = ((b"content-type", b"text/html; charset=utf-8"), *_SAFE)


def tree_html(root: Node) -> Reply:
    """Draw the tree as nested lists."""
    return Reply(_TEMPLATES.get_template("tree.html").render(root=root).encode(), headers=_HTML)


async def page(request: Request) -> Outcome:
    """Draw the empty page; the script asks for the key and fills it."""
    text = _TEMPLATES.get_template("page.html").render(node=request.services.node)
    return Reply(text.encode(), headers=_HTML)


async def script(_request: Request) -> Outcome:
    """Give the script of the page."""
    return _file("page.js", b"text/javascript; charset=utf-8")


async def style(_request: Request) -> Outcome:
    """Give the style of the page."""
    return _file("page.css", b"text/css; charset=utf-8")


def _file(name: str, kind: bytes) -> Reply:
    return Reply((_PARTS / name).read_bytes(), headers=((b"content-type", kind), *_SAFE))


ROWS = tuple(
    Route(
        method="GET",
        path=path,
        guard=Guard.PUBLIC,
        handler=handler,
        failure="The page could not be drawn",
        does=does,
        door=Door.HOT,
        answers=(Media(kind),),
    )
    for path, handler, kind, does in (
        ("/debug", page, "text/html", "The tree as a live page; asks for the key itself."),
        ("/debug/page.js", script, "text/javascript", "The script of that page."),
        ("/debug/page.css", style, "text/css", "The style of that page."),
    )
)
