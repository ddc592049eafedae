"""An actor that does what each message brings along, and a runtime without a tree to run it in."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import trio

from actors.kernel.actor import Actor
from actors.kernel.handle import Handle
from actors.kernel.messages import Call, Caller, Cast
from actors.kernel.plain import Main, Plain, spawn
from actors.kernel.start import start, start_link
from supervisors.exits import ExitReason
from supervisors.process import Process
from supervisors.runtime import Runtime, open_runtime
from supervisors.spec import Ignore
from tests.support.tree import Reports

Work = Callable[..., Any]


class Script:
    """Protocol of the scripted actor."""


@dataclass(frozen=True, slots=True)
class Do(Call[Script, Any]):
    """Call `work(actor)`, or `work(actor, caller)`, and reply with what it returns."""

    work: Work


@dataclass(frozen=True, slots=True)
class DoLater(Cast[Script]):
    """Likewise, without an answer."""

    work: Work


@dataclass(frozen=True, slots=True)
class Text(Cast[Script]):
    """Written into the journal."""

    text: str


@dataclass(frozen=True, slots=True)
class OtherCall(Call[Script, Any]):
    """A call that the actor has no handler for."""


async def _result(work: Work, *given: object) -> Any:
    free = [one for one in inspect.signature(work).parameters.values() if one.default is one.empty]
    takes = len(free)
    answer = work(*given[:takes])
    return await answer if inspect.isawaitable(answer) else answer


class Mute(Actor[Script]):
    """Does what it is told; has no handle_info."""

    def __init__(self, journal: list[str], **options: Any) -> None:
        """Take options `init`, `end` (functions of the actor) and fields to set."""
        super().__init__()
        self.ref.name = "scripted"
        self.journal = journal
        self.on_init: Work = options.pop("init", lambda: None)
        self.on_end: Work = options.pop("end", lambda: None)
        self.value = 0
        for name, value in options.items():
            setattr(self, name, value)

    def note(self, text: object) -> None:
        """Write into the journal."""
        self.journal.append(str(text))

    async def init(self) -> Ignore | None:
        """Do as the option says."""
        self.note("init")
        return await _result(self.on_init, self)

    async def handle_call(self, message: Any, caller: Caller[Any]) -> object:
        """Do as told."""
        if isinstance(message, Do):
            return await _result(message.work, self, caller)
        return await super().handle_call(message, caller)

    async def handle_cast(self, message: Any) -> None:
        """Do as told."""
        if isinstance(message, DoLater):
            return await _result(message.work, self)
        if isinstance(message, Text):
            return self.note(message.text)
        return await super().handle_cast(message)

    async def handle_continue(self, step: Any) -> None:
        """Note it, or do as told."""
        if callable(step):
            await _result(step, self)
        else:
            self.note(f"continue {step}")

    async def terminate(self, reason: ExitReason) -> None:
        """Note the reason, then do as the option says."""
        self.note(f"terminate {reason}")
        await _result(self.on_end, self)


class Scripted(Mute):
    """Keeps every other message in `infos`, and its kind in the journal."""

    def __init__(self, journal: list[str], **options: Any) -> None:
        self.infos: list[Any] = []
        super().__init__(journal, **options)

    async def handle_info(self, message: Any) -> None:
        """Keep it; a function is called."""
        if callable(message):
            await _result(message, self)
            return
        self.infos.append(message)
        self.note(message if isinstance(message, str) else type(message).__name__)


class World:
    """A runtime with reports, and short ways to start things in it."""

    def __init__(self, runtime: Runtime, reports: Reports) -> None:
        self.runtime = runtime
        self.reports = reports
        self.journal: list[str] = []

    async def actor(self, path: str = "actor", **options: Any) -> Handle[Script]:
        """Start a scripted actor that nobody is tied to."""
        limit = options.pop("timeout", float("inf"))
        kind = options.pop("kind", Scripted)
        handle = await start(
            self.runtime, path, lambda: kind(self.journal, **options), timeout=limit
        )
        assert handle is not None
        return handle

    async def linked(self, parent: Process, path: str, **options: Any) -> Handle[Script]:
        """Start one linked to `parent`."""
        handle = await start_link(parent, path, lambda: Scripted(self.journal, **options))
        assert handle is not None
        return handle

    async def plain(self, path: str = "plain", main: Main | None = None) -> Plain:
        """Start a plain process that waits for ever, or does as told."""
        process = await spawn(self.runtime, path, main or _idle)
        assert isinstance(process.handle, Plain)
        return process.handle


def nap(seconds: float) -> Work:
    """Return work that takes so long."""

    async def work() -> None:
        await trio.sleep(seconds)

    return work


async def _idle(plain: Plain) -> None:
    while True:
        message = await plain.receive()
        if callable(message):
            await _result(message, plain)


def body_of(handle: Handle[Script]) -> Scripted:
    """Return the actor behind a handle."""
    assert isinstance(handle.process.handle, Mute)
    return handle.process.handle  # pyright: ignore[reportReturnType]


@asynccontextmanager
async def world() -> AsyncGenerator[World]:
    """Open a runtime; what lives at the end is killed."""
    reports = Reports()
    async with open_runtime(reports) as runtime:
        yield World(runtime, reports)
