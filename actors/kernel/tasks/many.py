"""Waiting for several tasks under one deadline."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, TypeVar

import trio

from actors.kernel.tasks.outcome import Outcome
from actors.kernel.tasks.task import AWAIT_SECONDS, Task
from supervisors.spec import BRUTAL_KILL

T = TypeVar("T")


class Late(Enum):
    """What `yield_many` does with a task that is not done in time."""

    NOTHING = "nothing"  # it goes on, and can be asked again
    KILL_TASK = "kill_task"
    IGNORE = "ignore"  # it goes on for nobody


async def await_many(tasks: Sequence[Task[T]], timeout: float = AWAIT_SECONDS) -> list[T]:
    """Return the values in the order of `tasks`, or raise as `await_` does for the first failed."""
    for task in tasks:
        task.check_owner()
    give_up = trio.current_time() + timeout
    return [await task.await_(max(0.0, give_up - trio.current_time())) for task in tasks]


async def yield_many(
    tasks: Sequence[Task[T]],
    timeout: float = AWAIT_SECONDS,
    *,
    late: Late = Late.NOTHING,
    limit: int | None = None,
) -> list[tuple[Task[T], Outcome[T] | None]]:
    """Return every task with its outcome, None for a late one; after `limit` outcomes at once."""
    for task in tasks:
        task.check_owner()
    with trio.move_on_after(timeout):
        await _wait_for(tasks, len(tasks) if limit is None else min(limit, len(tasks)))
    return [(task, await _outcome(task, late)) for task in tasks]


async def _wait_for(tasks: Sequence[Task[Any]], enough: int) -> None:
    """Wait until so many are done."""
    async with trio.open_nursery() as nursery:
        done = 0

        async def one(task: Task[Any]) -> None:
            nonlocal done
            await task.job.done.wait()
            done += 1
            if done >= enough:
                nursery.cancel_scope.cancel()

        for task in tasks if enough else ():
            nursery.start_soon(one, task)


async def _outcome(task: Task[T], late: Late) -> Outcome[T] | None:
    if task.job.done.is_set() or late is Late.NOTHING:
        return await task.yield_(0)
    return await task.shutdown(BRUTAL_KILL) if late is Late.KILL_TASK else task.ignore()
