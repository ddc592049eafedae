"""What an onlooker sees: bars and news on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict

import trio
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from controller.demo.figures import Figures
from controller.demo.ledger import Ledger

_NEWS = 8
_FRAMES_SECONDS = 0.2
_LINES_SECONDS = 1.0
_LABELS = {
    "builds_per_minute": "builds/min",
    "in_queue_p50_ms": "in the queue p50, ms",
    "in_queue_p99_ms": "in the queue p99, ms",
}


class Board:
    """Shows a run on `console`; `note` may be called at any time."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._news: deque[str] = deque(maxlen=_NEWS)

    def note(self, text: str) -> None:
        """Show a piece of news."""
        self._news.append(text)
        if not self._console.is_terminal:
            self._line(text)

    async def follow(self, ledger: Ledger) -> None:
        """Show the state of `ledger` until cancelled, and once more at the end."""
        if self._console.is_terminal:
            await self._bars(ledger)
        else:
            await self._lines(ledger)

    async def _bars(self, ledger: Ledger) -> None:
        with _bars(self._console, ledger.expected) as show:
            try:
                while True:
                    show(_counts(ledger), list(self._news))
                    await trio.sleep(_FRAMES_SECONDS)
            finally:
                show(_counts(ledger), list(self._news))

    async def _lines(self, ledger: Ledger) -> None:
        shown = ""
        try:
            while True:
                shown = self._counts_line(ledger, shown)
                await trio.sleep(_LINES_SECONDS)
        finally:
            self._counts_line(ledger, shown)

    def _counts_line(self, ledger: Ledger, shown: str) -> str:
        line = "  ".join(f"{name} {count}" for name, count in _counts(ledger).items())
        if line != shown:
            self._line(line)
        return line

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def table(figures: Figures) -> Table:
    """Return the closing table."""
    rows = Table(show_header=False, title="ok" if figures.is_good else "NOT OK")
    rows.add_column("what")
    rows.add_column("how much", justify="right")
    for name, value in asdict(figures).items():
        if value is not None:
            text = f"{value:.1f}" if isinstance(value, float) else str(value)
            rows.add_row(_LABELS.get(name, name.replace("_", " ")), text)
    return rows


def as_json(figures: Figures) -> str:
    """Return the closing table as one JSON object."""
    return json.dumps({**asdict(figures), "ok": figures.is_good})


@contextmanager
def _bars(
    console: Console, total: int
) -> Generator[Callable[[dict[str, int], list[str]], None], None, None]:
    columns = (TextColumn("{task.description:>10}"), BarColumn(), MofNCompleteColumn())
    progress = Progress(*columns, console=console)
    bars = {name: progress.add_task(name, total=total) for name in _counts(Ledger(total))}

    def show(counts: dict[str, int], news: list[str]) -> None:
        for name, count in counts.items():
            progress.update(bars[name], completed=count, total=max(total, count))
        lines = Text("\n".join(news), style="dim", no_wrap=True, overflow="ellipsis")
        live.update(Group(progress, lines), refresh=True)

    with Live(progress, console=console, auto_refresh=False) as live:
        yield show


def _counts(ledger: Ledger) -> dict[str, int]:
    return {
        "submitted": len(ledger.promises),
        "assigned": len(ledger.grants),
        "finished": len(ledger.delivered),
        "verified": len(ledger.verified),
    }
