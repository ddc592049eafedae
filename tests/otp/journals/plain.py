"""The plain processes of a scenario: they carry out steps, and journal what they are sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import trio

from actors.kernel.messages import Down, ExitMessage, Monitor
from actors.kernel.plain import Plain, spawn
from supervisors.errors import AlreadyNamedError, AlreadyStartedError
from supervisors.exits import Crash, ExitReason
from supervisors.process import Process
from tests.otp.journals.probe import Note

if TYPE_CHECKING:
    from tests.otp.journals.stage import Stage

Json = Any


class Order:
    """Something a plain process is to do, and its result."""

    def __init__(self, work: Callable[[Actor], Awaitable[Json]]) -> None:
        self.work = work
        self.result: Json = "client_died"
        self.done = trio.Event()


class End:
    """The plain process is to end."""

    def __init__(self, reason: ExitReason) -> None:
        self.reason = reason


class Actor:
    """What a plain process remembers."""

    def __init__(self, stage: Stage, name: str, *, traps: bool) -> None:
        self.stage = stage
        self.name = name
        self.seen = 0
        self.monitors: dict[str, Monitor] = {}
        self.refs: dict[Monitor, tuple[str, str, Json]] = {}
        self.plain: Plain
        self._traps = traps

    async def start(self) -> None:
        """Become a process."""
        process = await spawn(self.stage.runtime, self.name, self._main)
        self.stage.plain[self.name] = process
        self.stage.number(process, 1)
        if self.name != "parent":
            self.stage.watch_end("exit", process)

    @property
    def process(self) -> Process:
        """The process."""
        return self.plain.process

    def ask(self, order: Order) -> None:
        """Have the process carry out an order; it is done, too, when the process ends."""
        self.plain.mailbox.put_notice(order)
        if not self.process.is_alive:
            order.done.set()
        self.process.watch(order, lambda _: order.done.set())

    async def _main(self, plain: Plain) -> ExitReason | None:
        self.plain = plain
        if self._traps:
            plain.trap_exit_signals()
        while True:
            message = await plain.receive()
            match message:
                case Order():
                    message.result = await message.work(self)
                    self.process.unwatch(message)
                    message.done.set()
                case End(reason=Crash(exception=error)):
                    raise error
                case End(reason=reason):
                    return reason
                case _ if self.name != "parent":
                    self._journal(message)

    def _journal(self, message: object) -> None:
        match message:
            case Note(note=note):
                self.seen += 1
                self.stage.events.append({"ev": "msg", "path": self.name, "note": note})
            case ExitMessage(sender=sender, reason=reason):
                who = sender.path if sender else None
                word = self.stage.reason(reason)
                self.stage.note("exit_msg", self.process, **{"from": who}, reason=word)
            case Down(monitor=monitor, reason=reason):
                self._down(monitor, reason)

    def _down(self, monitor: Monitor, reason: ExitReason) -> None:
        ref, path, then = self.refs[monitor]
        event = {"ev": "down", "at": self.name, "ref": ref, "path": path, "seen": self.seen}
        event["reason"] = self.stage.reason(reason)
        match then:
            case {"register": name}:
                event["then"] = self._register(name)
            case {"whereis": name}:
                event["then"] = self.stage.who(self.stage.runtime.names.whereis(name))
        self.stage.events.append(event)

    def _register(self, name: str) -> str:
        try:
            self.plain.register(name)
        except (AlreadyStartedError, AlreadyNamedError):
            return "refused"
        return "registered"
