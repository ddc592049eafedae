"""Calls and casts: the reply has its type, and what a protocol does not know is an error."""

# ruff: noqa: D401 - a case says what holds

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias, assert_never, assert_type

from actors.domain.build import Verdict
from actors.kernel.actor import Actor
from actors.kernel.messages import Call, Caller, Cast
from actors.kernel.ref import Ref
from actors.queue_manager.messages import Cancel, QueueManager, RequestWork, WorkMayWait
from actors.store.queue import ClaimAnswer
from tests.support.actors import Echo, Note, Say


class Other:
    """Another protocol."""


@dataclass(frozen=True, slots=True)
class Count(Call[Other, int]):
    """Answered with a number."""

    by: int


@dataclass(frozen=True, slots=True)
class Tick(Cast[Other]):
    """Not answered."""


@dataclass(frozen=True, slots=True)
class Tock(Cast[Other]):
    """Not answered either."""


async def replies(echo: Ref[Echo], other: Ref[Other]) -> None:
    """A reply has the type that its call names."""
    assert_type(await echo.call(Say("x")), str)
    assert_type(await other.call(Count(1), timeout=3), int)
    assert_type(await echo.call_again(Say("x"), repetition=Say("y")), str)
    text: str = await other.call(Count(1))  # error: reportAssignmentType
    assert_type(await echo.call(Say("x")), int)  # error: reportAssertTypeFailure
    del text


async def queue(manager: Ref[QueueManager], echo: Ref[Echo]) -> None:
    """Also of the controller's own protocols."""
    assert_type(await manager.call(RequestWork("w1", hold=30)), ClaimAnswer)
    assert_type(await manager.call(Cancel("b1")), Verdict)
    manager.cast(WorkMayWait())
    manager.cast(RequestWork("w1"))  # error: reportArgumentType
    await manager.call(WorkMayWait())  # error: reportArgumentType
    await echo.call(Cancel("b1"))  # error: reportArgumentType
    await manager.call(RequestWork(worker="w1"))  # error: reportCallIssue, reportCallIssue


async def wrong_protocols(echo: Ref[Echo], other: Ref[Other]) -> None:
    """A message goes to actors of its protocol only."""
    await echo.call(Count(1))  # error: reportArgumentType
    echo.cast(Tick())  # error: reportArgumentType
    await other.send(Note("x"))  # error: reportArgumentType
    await echo.call_again(Say("x"), repetition=Count(1))  # error: reportArgumentType


async def wrong_kinds(echo: Ref[Echo], other: Ref[Other]) -> None:
    """What is not answered cannot be called, what is answered cannot be cast."""
    await echo.call(Note("x"))  # error: reportArgumentType
    echo.cast(Say("x"))  # error: reportArgumentType
    await other.send(Count(1))  # error: reportArgumentType
    await echo.call("text")  # error: reportArgumentType


async def wrong_fields(echo: Ref[Echo], other: Ref[Other]) -> None:
    """Messages are made of what they say."""
    await echo.call(Say(7))  # error: reportArgumentType
    await other.call(Count())  # error: reportCallIssue
    other.cast(Tick("x"))  # error: reportCallIssue


def handles(echo: Ref[Echo]) -> Ref[Other]:
    """A handle of one protocol is none of another."""
    return echo  # error: reportReturnType


def later(caller: Caller[int]) -> None:
    """A reply that comes later is checked, too."""
    caller.reply(1)
    caller.reply("one")  # error: reportArgumentType


Casts: TypeAlias = Tick | Tock


class Forgetful(Actor[Other]):
    """Forgot a message of its union."""

    async def handle_cast(self, message: Casts) -> None:
        """See that every message of the union has its case."""
        match message:
            case Tick():
                pass
            case _:
                assert_never(message)  # error: reportArgumentType

    async def handle_call(self, message: Count, caller: Caller[Any]) -> object:
        """Ask for a field that the message does not have."""
        del caller
        return message.times is None  # error: reportAttributeAccessIssue, reportUnknownMemberType
