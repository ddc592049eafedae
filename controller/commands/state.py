"""`expo-controller state`: what one process of a running controller holds, and where it stands."""

from __future__ import annotations

import json

import click

from controller.commands.remote import ask
from controller.commands.tree import URL


@click.command()
@click.argument("path")
@URL
@click.option("--stack", is_flag=True, help="Show ties, work and stack; asks the process nothing.")
def state(path: str, url: str | None, stack: bool) -> None:
    """Print the state of the process at PATH between two messages, secrets masked."""
    route = "/debug/process" if stack else "/debug/state"
    click.echo(json.dumps(ask(url, route, {"path": path}).json(), indent=2))
