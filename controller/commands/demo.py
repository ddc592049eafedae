"""`expo-controller demo`: a simulated farm at work, and whether anything was lost."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Any, cast

import click
import trio
from rich.console import Console

from api.client import ApiError, ControllerUnreachableError
from controller.demo.board import as_json, table
from controller.demo.figures import Figures
from controller.demo.own_controller import ControllerStartError
from controller.demo.program import demonstrate
from controller.demo.settings import DemoSettings

_APP = Path(__file__).parents[2] / "docs" / "sample-app"
_INTERRUPTED = 130
_COUNT = click.IntRange(min=1)
_SECONDS = click.FloatRange(min=0)
_PROJECT = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--builds", type=_COUNT, default=20, show_default=True, help="Builds to submit.")
@click.option("--workers", type=_COUNT, default=5, show_default=True, help="Simulated workers.")
@click.option("--submitters", type=_COUNT, default=4, show_default=True, help="At the same time.")
@click.option(
    "--size",
    type=click.IntRange(min=0),
    default=256 * 1024,
    show_default=True,
    help="Bytes of each result.",
)
@click.option(
    "--build-seconds",
    type=_SECONDS,
    default=1.0,
    show_default=True,
    help="How long each build takes.",
)
@click.option(
    "--kill-something", is_flag=True, help="Kill a random actor of the controller every second."
)
@click.option("--seed", type=int, help="Repeat the choices of an earlier run.")
@click.option(
    "--patience",
    type=_SECONDS,
    default=180.0,
    show_default=True,
    help="Give up when nothing happens for so many seconds.",
)
@click.option("--app", type=_PROJECT, default=_APP, help="Project to submit (ours by default).")
@click.option(
    "--url",
    help="Use a running controller. Not one with real builds: the simulated "
    "workers would take them.",
)
@click.option("--api-key", envvar="CONTROLLER_API_KEY", default="", help="Its key.")
@click.option("--keep", is_flag=True, help="Keep the folder with data and log.")
@click.option("--json", "as_object", is_flag=True, help="Print the closing table as JSON.")
def demo(as_object: bool, seed: int | None, **options: Any) -> None:  # noqa: ANN401 - click gives them by name
    """Show a farm at work: submitters, workers, artifacts.

    Starts a controller of its own with an empty database in a temporary folder, submits builds of
    a sample project, lets simulated workers build them over the real protocol, downloads every
    result and compares its checksum.

    Ends with 0 only if every acknowledged build came back right, no build was given to two
    workers, none failed, the controller stopped in order and wrote no secret to its log.

    \b
    Example, 200 quick builds while the controller is being shot at:
      expo-controller demo --builds 200 --workers 20 --build-seconds 0.2 --kill-something
    """  # noqa: D301 - click's mark for text it must not wrap
    settings = DemoSettings(seed=secrets.randbelow(1 << 32) if seed is None else seed, **options)
    console = Console(stderr=as_object)
    figures = _run(settings, console)
    if figures is None:
        sys.exit(_INTERRUPTED)
    if as_object:
        click.echo(as_json(figures))
    else:
        console.print(table(figures))
    sys.exit(0 if figures.is_good else 1)


def _run(settings: DemoSettings, console: Console) -> Figures | None:
    trouble: list[str] = []
    try:
        return trio.run(demonstrate, settings, console)
    except* (ApiError, ControllerStartError, ControllerUnreachableError) as group:
        trouble += _words(group)
    raise click.ClickException("\n".join(trouble))


def _words(error: BaseException) -> list[str]:
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return [line for inner in group.exceptions for line in _words(inner)]
    return [str(error)]
