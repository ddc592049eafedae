"""The program `expo-controller`: its commands, and how errors reach whoever typed them."""

from __future__ import annotations

import sys

import click

from controller.commands.cluster import cluster
from controller.commands.db import db
from controller.commands.demo import demo
from controller.commands.kill import kill
from controller.commands.node import node
from controller.commands.start import start
from controller.commands.state import state
from controller.commands.trace import trace
from controller.commands.tree import tree
from controller.commands.version import version
from controller.run import SetupError
from controller.settings import SettingError


class Commands(click.Group):
    """Finds `node`, too, which only the program itself calls: neither listed nor suggested."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name."""
        return node if cmd_name == node.name else super().get_command(ctx, cmd_name)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def program() -> None:
    """Run a mobile build farm: take builds, give them to Macs, keep the results.

    \b
    A first round:
      expo-controller start            run it, with a database of its own under ./data
      expo-controller demo             watch a simulated farm at work
      expo-controller tree             see what a running controller is made of
    """  # noqa: D301 - click's mark for text it must not wrap


for command in (start, demo, tree, kill, state, trace, cluster, db, version):
    program.add_command(command)


def main() -> None:
    """Run the program; options without a command mean `start`, as they did before us."""
    arguments = sys.argv[1:]
    if arguments and arguments[0].startswith("-") and arguments[0] not in {"-h", "--help"}:
        arguments.insert(0, "start")
    try:
        program.main(arguments, prog_name="expo-controller", standalone_mode=True)
    except (SetupError, SettingError) as error:
        click.echo(f"expo-controller: {error}", err=True)
        sys.exit(1)
