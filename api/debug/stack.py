"""Where a process stands: the frames of its task, and of the tasks it has started."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import trio

from supervisors.process import Process

FRAMES = 60
TASKS = 20
_ROOT = str(Path(__file__).parents[2]) + "/"


def stack_of(process: Process) -> list[str]:
    """Return a line for each frame, the innermost last; tasks it has started are indented."""
    return [] if process.task is None else list(_task(process.task, ""))


def current_function(process: Process) -> str:
    """Return the innermost frame of our own code, "" for one that has no task yet."""
    lines = [] if process.task is None else list(_frames(process.task))
    ours = [line for line in lines if not line.startswith("<")]
    return (ours or lines or [""])[-1]


def _task(task: trio.lowlevel.Task, indent: str) -> Iterator[str]:
    for line in _frames(task):
        yield indent + line
    children = [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    for child in children[:TASKS]:
        yield f"{indent}task {child.name}"
        yield from _task(child, indent + "  ")
    if len(children) > TASKS:
        yield f"{indent}and {len(children) - TASKS} tasks more"


def _frames(task: trio.lowlevel.Task) -> Iterator[str]:
    for count, (frame, line) in enumerate(task.iter_await_frames()):
        if count == FRAMES:
            return
        code = frame.f_code
        yield f"{_place(code.co_filename)}:{line} {code.co_qualname}"


def _place(file: str) -> str:
    """Return the path in this repository, or in <a library>."""
    if file.startswith(_ROOT) and "/site-packages/" not in file:
        return file.removeprefix(_ROOT)
    return f"<{'/'.join(Path(file).parts[-2:])}>"
