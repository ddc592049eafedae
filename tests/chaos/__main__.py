"""`python -m tests.chaos`: attack a controller under load, and print what came of it."""

from __future__ import annotations

import secrets
import shutil
import signal
import statistics
import sys
from collections import defaultdict
from pathlib import Path

import click
import trio
from rich.console import Console
from rich.table import Table

from tests.chaos.faults import FAULTS
from tests.chaos.monkey import Injection
from tests.chaos.planted.bugs import PLANTED, order_of
from tests.chaos.run import Order, Report, run
from tests.chaos.system import VARIANTS

_WORDS = 40


@click.command()
@click.option("--minutes", type=float, default=10.0, show_default=True, help="In all.")
@click.option("--seed", type=int, help="Repeat the plan of an earlier run.")
@click.option("--variant", type=click.Choice([*VARIANTS, "all"]), default="all", show_default=True)
@click.option("--faults", default="", help=f"Only these, of {', '.join(FAULTS)}.")
@click.option("--planted", is_flag=True, help="Show that planted bugs are found, instead.")
def main(minutes: float, seed: int | None, variant: str, faults: str, *, planted: bool) -> None:
    """Attack a controller under load; ends with 0 when all that was acknowledged is there."""
    console = Console(width=120)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # leave nothing behind
    seed = secrets.randbelow(1 << 32) if seed is None else seed
    if planted:
        sys.exit(_planted(console, seed))
    variants = VARIANTS if variant == "all" else (variant,)
    only = tuple(filter(None, faults.split(",")))
    good = True
    for name in variants:
        order = Order(seed=seed, seconds=minutes * 60 / len(variants), variant=name, faults=only)
        console.print(f"variant {name}, seed {seed}, {order.seconds:.0f} s")
        report = trio.run(run, order)
        show(console, report)
        good = good and not report.wrong
    sys.exit(0 if good else 1)


def _planted(console: Console, seed: int) -> int:
    """Return 0 when each planted bug is found."""
    missed = 0
    for name, bug in PLANTED.items():
        report = trio.run(run, order_of(name, seed))
        caught = [words for words in report.wrong if bug.sign in words]
        missed += not caught
        if caught:
            shutil.rmtree(report.folder)
        console.print(f"{name}: {f'found, {caught[0]}' if caught else 'NOT FOUND'}")
    return 1 if missed else 0


def show(console: Console, report: Report) -> None:
    """Print the table of the faults, the figures, and what is wrong."""
    table = Table(title=f"Chaos, {report.order.variant}", title_justify="left")
    for column in (
        "fault",
        "times",
        "requests",
        "failed",
        "lost",
        "doubled",
        "worst s",
        "median s",
    ):
        table.add_column(column, justify="left" if column == "fault" else "right")
    by_fault: dict[str, list[Injection]] = defaultdict(list)
    for injection in report.injections:
        by_fault[injection.fault].append(injection)
    labels = [*by_fault, *sorted({*report.found.lost, *report.found.doubled} - by_fault.keys())]
    for name in labels:
        table.add_row(name, *_row(by_fault.get(name, []), report, name))
    console.print(table)
    for name, value in report.figures.items():
        console.print(f"  {name}: {value}")
    for words in report.wrong[:_WORDS]:
        console.print(f"  WRONG: {words}", markup=False)
    if report.wrong:
        console.print(f"  {len(report.wrong)} wrong; seed {report.order.seed}; {report.folder}")
        trace = Path(report.folder, "trace")
        trace.write_text("\n".join([*report.trace, *report.wrong]), encoding="utf-8")


def _row(injections: list[Injection], report: Report, name: str) -> list[str]:
    recovered = [one.recovered for one in injections if one.recovered is not None]
    return [
        str(len(injections)),
        f"{sum(one.asked for one in injections):,}",
        f"{sum(one.failed for one in injections):,}",
        str(report.found.lost[name]),
        str(report.found.doubled[name]),
        f"{max(recovered):.1f}" if recovered else "-",
        f"{statistics.median(recovered):.1f}" if recovered else "-",
    ]


if __name__ == "__main__":
    main()
