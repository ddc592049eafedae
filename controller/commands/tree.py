"""`expo-controller tree`: the supervision tree of a running controller."""

from __future__ import annotations

from contextlib import suppress

import click

from controller.commands.remote import ask, streamed

URL = click.option("--url", metavar="URL", help="Controller to ask (http://localhost:3000).")


@click.command()
@URL
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--watch", is_flag=True, help="Print it anew whenever something changes.")
@click.option("--ask", "asked", is_flag=True, help="Ask every process for a sign of life.")
@click.option("--stack", metavar="PATH", help="Show where the process at PATH stands.")
def tree(url: str | None, as_json: bool, watch: bool, asked: bool, stack: str | None) -> None:
    """Print the tree of a running controller: every process, its state, how often it restarted."""
    query = {} if as_json else {"format": "text"}
    query |= {"ask": "1"} if asked else {}
    query |= {"stack": stack} if stack else {}
    if not watch:
        click.echo(ask(url, "/debug/tree", query).text.rstrip())
        return
    with suppress(KeyboardInterrupt), streamed(url, "/debug/events") as events:
        for event in events:
            if event.name == "tree":
                click.clear()
                click.echo(ask(url, "/debug/tree", query).text.rstrip())
