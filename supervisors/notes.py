"""What a supervisor finds in its inbox."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from supervisors.errors import NoProcError, SupervisorError
from supervisors.exits import ExitReason
from supervisors.gate import Gate
from supervisors.process import Process
from supervisors.slot import Slot
from supervisors.system import SystemRequest

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Ended:
    """The process in `slot` has ended."""

    slot: Slot
    process: Process


@dataclass(frozen=True, slots=True, eq=False)
class Retry:
    """A start failed during a restart: try again, after whatever arrived before."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class StopAsked:
    """The parent wants the supervisor to end with `reason`."""

    reason: ExitReason


@dataclass(slots=True, eq=False)
class Request(Generic[T]):
    """An administrative request and the place of its answer."""

    operation: Callable[[], Awaitable[T]]
    done: Gate
    answer: T | None = None
    error: SupervisorError | None = None

    async def carry_out(self) -> None:
        """Run the operation; refusals go to whoever asked, anything else is our crash."""
        try:
            self.answer = await self.operation()
        except SupervisorError as refusal:
            self.error = refusal
        except BaseException:
            self.error = NoProcError("the supervisor ended during the request")
            raise
        finally:
            self.done.open()


def jumps_the_queue(note: object) -> bool:
    """Whether a suspended supervisor serves the note."""
    return isinstance(note, SystemRequest | StopAsked)
