"""`expo-controller start`: run the controller."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
import structlog

from controller import logs
from controller.keys import ApiKey
from controller.run import run_controller
from controller.settings import Settings, read_settings

log = structlog.get_logger()


@click.command()
@click.option("-p", "--port", metavar="PORT", help="Port to listen on (3000).")
@click.option("--host", metavar="ADDRESS", help="Address to listen on (all).")
@click.option("--data-dir", metavar="FOLDER", help="Folder of database, artifacts, key (./data).")
@click.option("--db", metavar="URL", help="PostgreSQL to use in place of the embedded one.")
@click.option("--storage", metavar="FOLDER", help="Folder of the artifacts.")
@click.option("--api-key", metavar="KEY", help="Key of CLIs and workers; better in the variable.")
@click.option("--nodes", metavar="COUNT", help="Processes that serve the port together (1).")
@click.option("--log-format", metavar="FORM", help="console, json or auto.")
@click.option("--log-level", metavar="LEVEL", help="debug, info, warning or error.")
def start(db: str | None, storage: str | None, **flags: str | None) -> None:
    """Run the controller until Ctrl-C or SIGTERM.

    Without any option it makes a database and an API key under ./data and listens on port 3000.
    Every option is also a variable (see docs/settings.md); the API key belongs into
    CONTROLLER_API_KEY, because arguments can be seen by every user of the machine.
    """
    old_file = db if db is not None and "://" not in db else None
    chosen = {**flags, "storage_path": storage, "database_url": None if old_file else db}
    settings = read_settings(chosen)
    logs.set_up(level=settings.log_level, form=settings.log_format)
    if old_file is not None:
        log.warning(
            "start.sqlite_ignored",
            file=old_file,
            hint="--db takes a PostgreSQL URL now; the embedded database is used",
        )
    sys.exit(run_controller(settings, _welcome))


def _welcome(settings: Settings, key: ApiKey, database: str) -> None:
    """Print the first screen: where everything is, and how to stop."""
    address = f"http://{settings.host or 'localhost'}:{settings.port}"
    rows = {
        "Dashboard": f"{address}/",
        "API": f"{address}/api",
        "Database": database,
        "Artifacts": _where_artifacts(settings.storage),
        "API key": _where_key(key),
        "Stop": "Ctrl-C",
    }
    try:
        click.echo(click.style("Expo Free Agent Controller", bold=True) + " is up.")
        for name, value in rows.items():  # no table: a path must stay whole to be copied
            click.echo(f"{name:<9}  {value}")
    except OSError:  # nobody reads it, which is no reason to stop; the rest goes nowhere
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _where_artifacts(storage: Path | str) -> str:
    return storage if isinstance(storage, str) else str(storage.absolute())


def _where_key(key: ApiKey) -> str:
    if key.file is None:
        return "as configured"
    return f"in {key.file.absolute()}"
