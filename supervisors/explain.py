"""Why a child runs anew, in words: the chain of causes up to where it began."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

import trio

from supervisors.loop import SupervisorLoop
from supervisors.process import Process
from supervisors.slot import Slot


def explain(root: Process, path: str) -> str:
    """Say why the child at `path` was started again, last by whom: itself, a sibling, above."""
    chain = [f"{_name(slot)}: {_last(slot)}" for slot in _along(root, path) if slot.history]
    if not chain:
        return f"{path or 'root'} was not started again"
    budget = _budget(root, path)
    return "; ".join((*reversed(chain), budget) if budget else reversed(chain))


def _along(root: Process, path: str) -> Iterator[Slot]:
    """Yield the places from the root down to `path`."""
    parts = path.split("/") if path else []
    for above, name in zip(accumulate(["", *parts], _join), parts, strict=False):
        loop = _loop(root, above)
        for slot in loop.slots() if loop is not None else ():
            if slot.spec.name == name:
                yield slot
                break


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def _loop(root: Process, path: str) -> SupervisorLoop | None:
    process: Process | None = root
    for part in path.split("/") if path else []:
        handle = process.handle if process is not None else None
        slots = handle.slots() if isinstance(handle, SupervisorLoop) else []
        process = next((slot.alive for slot in slots if slot.spec.name == part), None)
    handle = process.handle if process is not None else None
    return handle if isinstance(handle, SupervisorLoop) else None


def _name(slot: Slot) -> str:
    return slot.spec.name


def _last(slot: Slot) -> str:
    last = slot.history[-1]
    ago = trio.current_time() - last.at
    return f"started again {ago:.0f} s ago, {slot.restarts}x in all, as {last.why}"


def _budget(root: Process, path: str) -> str:
    loop = _loop(root, path.rpartition("/")[0])
    if loop is None:
        return ""
    left = loop.window.left(trio.current_time())
    return f"{left} of {loop.window.budget.intensity} restarts left"
