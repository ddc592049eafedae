"""Wait until named children of a tree are up: started, and their init over."""

from __future__ import annotations

import trio

from supervisors.events import ChildStarted, Report, SupervisorEvent
from supervisors.process import Process
from supervisors.snapshot import find


def missing(root: Process, *paths: str) -> list[str]:
    """Return those of the paths where no child is up now."""
    found = ((path, find(root, path)) for path in paths)
    return [path for path, life in found if life is None or life.started_at is None]


class Readiness:
    """A report function that passes everything on, and lets others wait for starts."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._news = trio.Event()

    def __call__(self, event: SupervisorEvent) -> None:
        """Take an event from the tree."""
        if isinstance(event, ChildStarted):
            news, self._news = self._news, trio.Event()
            news.set()
        self._report(event)

    async def up(self, root: Process, *paths: str) -> None:
        """Wait until all of the children are up at the same time."""
        while missing(root, *paths):
            await self._news.wait()
