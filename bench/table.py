"""How results look: one row a variant, its rate, and its ratio to the first row of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One variant; `rates` has one figure a round, in `unit` a second."""

    name: str
    unit: str
    rates: Sequence[float]


def show(title: str, rows: Sequence[Row], note: str) -> None:
    """Print medians, spread, and the ratio of the medians to the first row."""
    table = Table(title=title, caption=note, title_justify="left", caption_justify="left")
    for column in ("variant", "median per second", "lowest", "highest", "ratio"):
        table.add_column(column, justify="left" if column == "variant" else "right")
    base = median(rows[0].rates)
    for row in rows:
        middle = median(row.rates)
        table.add_row(
            row.name,
            f"{middle:,.0f} {row.unit}",
            f"{min(row.rates):,.0f}",
            f"{max(row.rates):,.0f}",
            f"{middle / base:.2f}",
        )
    Console(width=110).print(table)
