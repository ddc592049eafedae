"""Whether the children of a supervisor have the time that its own limit promises them."""

from __future__ import annotations

from collections.abc import Iterator

from supervisors.dynamic import DynamicSupervisor
from supervisors.loop import SupervisorLoop
from supervisors.process import Process
from supervisors.spec import Stop


def stop_seconds(process: Process) -> float:
    """Return the longest time that the ordered stop of a supervisor may take."""
    loop = process.handle
    if not isinstance(loop, SupervisorLoop):
        return 0.0
    limits = [
        0.0 if isinstance(slot.spec.stop_limit, Stop) else _needed(slot.alive, slot.spec.stop_limit)
        for slot in loop.slots()
    ]
    return max(limits, default=0.0) if isinstance(loop, DynamicSupervisor) else sum(limits)


def _needed(process: Process | None, limit: float) -> float:
    if process is None or not isinstance(process.handle, SupervisorLoop):
        return limit
    return min(limit, stop_seconds(process))


def torn(root: Process) -> Iterator[str]:
    """Yield the paths of supervisors whose limit is lower than what their children may take."""
    loop = root.handle
    if not isinstance(loop, SupervisorLoop):
        return
    for slot in loop.slots():
        process, limit = slot.alive, slot.spec.stop_limit
        if process is None or not isinstance(process.handle, SupervisorLoop):
            continue
        if not isinstance(limit, Stop) and limit < stop_seconds(process):
            yield process.path
        yield from torn(process)
