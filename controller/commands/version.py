"""`expo-controller version`: what is installed."""

from __future__ import annotations

import json
import platform

import click

from controller import migrations
from controller.version import program_version


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def version(as_json: bool) -> None:
    """Print the version of the program, of Python, and of the database schema it knows."""
    facts = {
        "version": program_version(),
        "python": platform.python_version(),
        "schema": len(migrations.load()),
    }
    if as_json:
        click.echo(json.dumps(facts))
    else:
        click.echo(
            f"expo-controller {facts['version']} "
            f"(Python {facts['python']}, schema {facts['schema']})"
        )
