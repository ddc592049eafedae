"""`expo-controller tree`: the supervision tree of a running controller."""

from __future__ import annotations

import click

from controller.commands.remote import ask


@click.command()
@click.option("--url", metavar="URL", help="Controller to ask (http://localhost:3000).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def tree(url: str | None, as_json: bool) -> None:
    """Print the tree of a running controller: every process, its state, how often it restarted."""
    query = {} if as_json else {"format": "text"}
    click.echo(ask(url, "/debug/tree", query).text.rstrip())
