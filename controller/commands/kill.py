"""`expo-controller kill`: kill one process of a running controller, or restart it in order."""

from __future__ import annotations

import click

from controller.commands.remote import act
from controller.commands.tree import URL


@click.command()
@click.argument("path")
@URL
@click.option("--why", required=True, metavar="TEXT", help="The reason, for the log.")
@click.option("--gently", is_flag=True, help="Stop it in order and start it again.")
def kill(path: str, url: str | None, why: str, gently: bool) -> None:
    """Kill the process at PATH, as a crash would; its supervisor starts it again."""
    word = "restart" if gently else "kill"
    found = act(url, word, {"path": path, "why": why}).json()
    done = "restarted; now" if gently else "killed; it was"
    click.echo(f"{path} {done} generation {found['generation']}")
