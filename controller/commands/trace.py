"""`expo-controller trace`: what goes through one process of a running controller."""

from __future__ import annotations

import json
from contextlib import suppress

import click

from controller.commands.remote import streamed
from controller.commands.tree import URL


@click.command()
@click.argument("path")
@URL
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True, max=300),
    default=10.0,
    show_default=True,
    help="How long to look.",
)
@click.option("--why", default="", metavar="TEXT", help="The reason, for the log.")
def trace(path: str, url: str | None, seconds: float, why: str) -> None:
    """Print the messages, replies and states of the process at PATH as they come."""
    fields = {"path": path, "seconds": seconds, "why": why}
    with suppress(KeyboardInterrupt), streamed(url, "/debug/trace", fields) as events:
        for event in events:
            found = json.loads(event.data)
            if event.name == "trace":
                click.echo(f"{found['what']:<5} {json.dumps(found['value'])}")
            elif event.name == "end":
                alive = "" if found["alive"] else "; the process has ended"
                click.echo(f"{found['seen']} events{alive}")
