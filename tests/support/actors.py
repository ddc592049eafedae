"""An actor under test: does what its messages say, and writes what happens into a journal."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import trio

from actors.kernel.actor import Actor, actor_spec
from actors.kernel.messages import NO_REPLY, Call, Caller, Cast
from actors.kernel.ref import Ref
from supervisors.exits import NORMAL, ExitReason
from supervisors.spec import Budget, ChildSpec
from supervisors.supervisor import supervisor


class Echo:
    """Protocol of the test actor."""


@dataclass(frozen=True, slots=True)
class Say(Call[Echo, str]):
    """Answer with the text, after `wait` seconds."""

    text: str
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Hold(Call[Echo, str]):
    """Answer later: with the next `Release`."""


@dataclass(frozen=True, slots=True)
class Release(Cast[Echo]):
    """Answer those who were told to hold."""

    text: str


@dataclass(frozen=True, slots=True)
class Refuse(Call[Echo, str]):
    """Refuse the call with an error."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Fail(Call[Echo, str]):
    """Raise in the handler."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Leave(Call[Echo, str]):
    """Answer, and end with `reason`."""

    reason: ExitReason = NORMAL


@dataclass(frozen=True, slots=True)
class Note(Cast[Echo]):
    """Write a text into the journal."""

    text: str


@dataclass(frozen=True, slots=True)
class Strange(Call[Echo, str]):
    """A call that the actor has no handler for."""


@dataclass(frozen=True, slots=True)
class StrangeNote(Cast[Echo]):
    """Likewise a cast."""


class EchoActor(Actor[Echo]):
    """Knows every message above but the strange ones."""

    def __init__(self, ref: Ref[Echo], stage: Stage) -> None:
        super().__init__(ref)
        self._stage = stage
        self._held: list[Caller[Any]] = []
        self._busy = False

    async def init(self) -> None:
        """Acquire a resource, then do as scripted."""
        self._stage.actors.append(self)
        self._stage.note("init")
        self.resources.callback(self._stage.note, "close")
        await self._stage.act(self._stage.inits)

    async def handle_call(self, message: object, caller: Caller[Any]) -> object:
        """Do as the message says, one at a time."""
        assert not self._busy
        self._busy = True
        answer = await self._do(message, caller)
        self._busy = False
        return answer

    async def _do(self, message: object, caller: Caller[Any]) -> object:
        match message:
            case Say(text, wait):
                await trio.sleep(wait)
                self._stage.note(f"say {text}")
                return text
            case Hold():
                self._held.append(caller)
                return NO_REPLY
            case Refuse(error):
                caller.refuse(error)
                return NO_REPLY
            case Fail(error):
                raise error
            case Leave(reason):
                self.stop(reason)
                return "left"
            case _:
                return await super().handle_call(message, caller)

    async def handle_cast(self, message: object) -> None:
        """Do as the message says."""
        match message:
            case Note(text):
                self._stage.note(text)
            case Release(text):
                for caller in self._held:
                    caller.reply(text)
            case _:
                await super().handle_cast(message)

    async def handle_idle(self) -> None:
        """Do as the stage says."""
        await self._stage.idle(self)

    async def terminate(self, reason: ExitReason) -> None:
        """Note the reason, then do as scripted."""
        self._stage.note(f"terminate {reason}")
        await self._stage.act(self._stage.terminates)
        self._stage.note("terminated")


async def _no_idle(_actor: EchoActor) -> None:
    pass


class Stage:
    """The script and journal of all generations of one actor behind one ref.

    `inits` and `terminates` script these callbacks: seconds to take or an error to raise.
    """

    def __init__(self, *, capacity: int = 100, **options: Any) -> None:
        self.ref = Ref[Echo]("echo")
        self.journal: list[str] = []
        self.actors: list[EchoActor] = []
        self.inits: deque[float | Exception] = deque()
        self.terminates: deque[float | Exception] = deque()
        self.idle: Callable[[EchoActor], Any] = _no_idle
        self.kind: type[EchoActor] = type(
            "Sized", (EchoActor,), {"mailbox_capacity": capacity, "terminate_seconds": 5.0}
        )
        self.options = options

    def note(self, what: str) -> None:
        """Write into the journal."""
        self.journal.append(what)

    async def act(self, script: deque[float | Exception]) -> None:
        """Take the next step of a script, if there is one."""
        step = script.popleft() if script else 0.0
        if isinstance(step, Exception):
            raise step
        if step:
            await trio.sleep(step)

    def actor(self) -> ChildSpec:
        """Child spec of the actor."""
        return actor_spec("echo", lambda: self.kind(self.ref, self), **self.options)

    def spec(self) -> ChildSpec:
        """Return a root above the actor, with budget enough."""
        return supervisor("root", [self.actor()], budget=Budget(intensity=100))
