"""Whose code runs now, and what ends with it."""

from __future__ import annotations

from collections.abc import Callable

from supervisors.errors import NoProcError
from supervisors.process import CURRENT, Process


def current_process() -> Process:
    """Return the process that the calling task is, or works for; `NoProcError` outside of all.

    A task that an actor started in a nursery of its own works for the actor.
    """
    process = find_current_process()
    if process is None:
        raise NoProcError("this task belongs to no process of a tree")
    return process


def find_current_process() -> Process | None:
    """As `current_process`, but None outside of all processes."""
    return CURRENT.get()


class Owners:
    """Calls `ended` at the end of each process that was watched; once, however often it was."""

    def __init__(self, ended: Callable[[Process], None]) -> None:
        self._ended = ended
        self._watched: set[Process] = set()

    def __len__(self) -> int:
        """Count the living processes that are watched."""
        return len(self._watched)

    def watch(self, process: Process) -> None:
        """Have `ended` called at the end of `process`; at once if it has ended."""
        if process not in self._watched:
            self._watched.add(process)
            process.on_exit(self._over)

    def _over(self, process: Process) -> None:
        self._watched.discard(process)
        self._ended(process)
