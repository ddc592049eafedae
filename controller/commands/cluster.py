"""`expo-controller cluster`: the controllers that run on one database."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table

from api.dashboard.presenters import span
from controller.commands.remote import ask


@click.command()
@click.option("--url", metavar="URL", help="Controller to ask (http://localhost:3000).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def cluster(url: str | None, as_json: bool) -> None:
    """List the controllers on the database of a running one; none of them leads."""
    answer = ask(url, "/debug/nodes", {})
    if as_json:
        click.echo(answer.text)
        return
    table = Table(box=None, pad_edge=False)
    for column in ("node", "host", "pid", "version", "up", "last sign"):
        table.add_column(column)
    for node in answer.json()["nodes"]:
        table.add_row(
            node["id"] + (" (answers)" if node["here"] else ""),
            node["host"],
            str(node["pid"]),
            node["version"],
            span(node["up_seconds"]),
            f"{node['silent_seconds']:.0f}s ago",
        )
    Console(soft_wrap=True, highlight=False).print(table)
