"""`expo-controller node`: one of several nodes; started by `start`, never by hand."""

from __future__ import annotations

import sys

import click

from actors.node.actor import LIFE_VARIABLE, LINE_VARIABLE, SOCKETS_VARIABLE
from controller import logs
from controller.run import run_node
from controller.settings import read_inherited, read_settings


@click.command(hidden=True)
def node() -> None:
    """Serve inherited sockets beside other nodes."""
    settings = read_settings({})
    logs.set_up(level=settings.log_level, form=settings.log_format)
    sys.exit(run_node(settings, read_inherited(LINE_VARIABLE, SOCKETS_VARIABLE, LIFE_VARIABLE)))
