"""A process that is no actor: a function with a mailbox, as an Erlang function that receives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from actors.kernel.living import Living
from actors.kernel.mailbox import Envelope, Mailbox, Notice, StopRequest
from supervisors.exits import ExitReason
from supervisors.process import Process
from supervisors.runtime import Runtime

Main: TypeAlias = "Callable[[Plain], Awaitable[ExitReason | None]]"


class Plain(Living):
    """What the function is given: itself as a process."""

    def __init__(self) -> None:
        super().__init__()
        self.mailbox = Mailbox(10_000)

    async def receive(self) -> object:
        """Wait for the next message and return it."""
        while True:
            item = await self.mailbox.get()
            if isinstance(item, Envelope | Notice):
                return item.message
            if not isinstance(item, StopRequest):
                item.refuse()

    async def run(self, process: Process, main: Main) -> ExitReason | None:
        """Be the body of a process."""
        self.live(process)
        process.started(self)
        return await main(self)

    def _give_back(self, process: Process) -> None:
        super()._give_back(process)
        for envelope in self.mailbox.close():
            if envelope.caller is not None and process.exit is not None:
                envelope.caller.fail(process.exit)


async def spawn(
    runtime: Runtime, path: str, main: Main, *, linked_to: Process | None = None
) -> Process:
    """Run `main` as a process; it has begun when this returns. Linked, it has a parent."""
    process = Process(path, runtime, parent=linked_to)
    process.initial_call = getattr(main, "__qualname__", "")
    if linked_to is not None:
        linked_to.link(process)
    plain = Plain()
    runtime.home().start_soon(plain_body, process, plain, main)
    await process.up()
    return process


async def plain_body(process: Process, plain: Plain, main: Main) -> None:
    """Be the task of a plain process."""
    await process.run(lambda own: plain.run(own, main))


__all__ = ["Main", "Plain", "spawn"]
