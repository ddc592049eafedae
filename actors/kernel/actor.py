"""The actor loop: init, then one message at a time to the end, then terminate.

An actor is thrown away when it crashes: whatever must survive is in the database before a reply
is sent, and `init` of the next generation reads it back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, ClassVar, Generic, TypeVar

import trio

from actors.kernel.errors import UnhandledMessageError
from actors.kernel.mailbox import Envelope, Mailbox, StopRequest
from actors.kernel.messages import Caller, NoReply
from actors.kernel.ref import Ref
from supervisors.exits import NORMAL, Crash, ExitReason
from supervisors.process import Process
from supervisors.spec import ChildSpec, Restart, Stop

P = TypeVar("P")

TERMINATE_SECONDS = 5.0


class Actor(Generic[P]):
    """Base of all actors; override the callbacks.

    `resources` is what the process owns in the way an Erlang process owns its ports: its entries
    are closed whatever the end, a kill included, so they must not wait.
    """

    mailbox_capacity: ClassVar[int] = 10_000
    terminate_seconds: ClassVar[float] = TERMINATE_SECONDS
    """Limit of `terminate` after an end of the actor's own; a stop from above has its limit."""
    serves_gone_callers: ClassVar[bool] = True
    """Whether a call is still carried out when its caller gave up before its turn came."""

    def __init__(self, ref: Ref[P]) -> None:
        self.ref = ref
        self.mailbox = Mailbox(self.mailbox_capacity)
        self.resources = ExitStack()
        self.handled = 0
        self.wake_at = math.inf
        self._asked: ExitReason | None = None
        self._open_calls: set[Caller[Any]] = set()
        self._last_reply: tuple[Caller[Any], object] | None = None

    # -- callbacks ------------------------------------------------------------------------------

    async def init(self) -> None:
        """Acquire what the actor needs; messages wait until this returns. Raise to refuse."""

    async def handle_call(self, message: Any, caller: Caller[Any]) -> object:  # noqa: ANN401 - narrowed by each actor to its closed union
        """Answer a call: return the reply, or `NO_REPLY` and use `caller` later."""
        del caller
        raise UnhandledMessageError(f"{self.ref.name} has no call {type(message).__name__}")

    async def handle_cast(self, message: Any) -> None:  # noqa: ANN401 - as above
        """Take a message that is not answered."""
        raise UnhandledMessageError(f"{self.ref.name} has no cast {type(message).__name__}")

    async def handle_idle(self) -> None:
        """Run when the mailbox has run empty (OTP's timeout 0): the place to act on a batch.

        Also run when the trio clock passes `wake_at`, which the callback then sets anew.
        """

    async def terminate(self, reason: ExitReason) -> None:
        """Tidy up; not run on a kill, so nothing that matters may depend on it."""

    def describe(self) -> Mapping[str, object]:
        """Small facts for the picture of the tree."""
        return {"mailbox": len(self.mailbox), "handled": self.handled}

    # -- for callbacks --------------------------------------------------------------------------

    def stop(self, reason: ExitReason = NORMAL) -> None:
        """End after the present callback, through `terminate`, with `reason`.

        What the callback returns to a caller is sent after `terminate`.
        """
        self._asked = reason

    # -- the loop -------------------------------------------------------------------------------

    async def run(self, process: Process) -> ExitReason:
        """Be the body of a supervised process."""
        process.on_exit(self._release)
        with self.resources:
            self.ref.bind(self.mailbox)
            await self.init()
            process.on_shutdown(self.mailbox.put_stop)
            process.started(self)
            try:
                reason = await self._serve()
            except Exception as error:
                await self._terminate(Crash(error), self.terminate_seconds)
                raise
            own = self._asked is not None
            await self._terminate(reason, self.terminate_seconds if own else math.inf)
            return reason

    async def _serve(self) -> ExitReason:
        while self._asked is None:
            await trio.lowlevel.checkpoint()  # before an item is taken: a kill here loses none
            item = self.mailbox.get_nowait()
            if item is None:
                await self.handle_idle()
                if self._asked is not None:
                    break
                item = await self._next()
                if item is None:
                    continue
            if isinstance(item, StopRequest):
                return item.reason
            await self._handle(item)
        return self._asked

    async def _next(self) -> Envelope | StopRequest | None:
        """Wait for an item, or for `wake_at`; None then, so that `handle_idle` runs."""
        if self.wake_at == math.inf:
            return await self.mailbox.get()
        with trio.move_on_at(self.wake_at):
            return await self.mailbox.get()
        return None

    async def _handle(self, envelope: Envelope) -> None:
        self.handled += 1
        caller = envelope.caller
        if caller is None:
            await self.handle_cast(envelope.message)
            return
        if not caller.open and not self.serves_gone_callers:
            return
        caller.hold_in(self._open_calls)
        reply = await self.handle_call(envelope.message, caller)
        if isinstance(reply, NoReply):
            return
        if self._asked is not None:
            self._last_reply = caller, reply
        else:
            caller.reply(reply)

    async def _terminate(self, reason: ExitReason, limit: float) -> None:
        """Run `terminate`, unshielded from a kill; then answer who asked for the end."""
        try:
            with trio.move_on_after(limit):
                await self.terminate(reason)
        except Exception:
            self._send_last_reply()
            raise
        self._send_last_reply()

    def _send_last_reply(self) -> None:
        if self._last_reply is not None:
            caller, reply = self._last_reply
            caller.reply(reply)

    def _release(self, process: Process) -> None:
        """Free the name, then tell every waiting caller (D-14: in this order, without a wait)."""
        self.ref.release(self.mailbox)
        unhandled = self.mailbox.close()
        reason = process.exit or NORMAL
        for caller in tuple(self._open_calls):
            caller.fail(reason)
        for envelope in unhandled:
            if envelope.caller is not None:
                envelope.caller.fail(reason)


def actor_spec(
    child_id: str,
    factory: Callable[[], Actor[Any]],
    *,
    restart: Restart = Restart.PERMANENT,
    shutdown: float | Stop | None = None,
) -> ChildSpec:
    """Child spec of an actor; `factory` makes a fresh one for every generation."""

    async def body(process: Process) -> ExitReason:
        return await factory().run(process)

    return ChildSpec(id=child_id, start=body, restart=restart, shutdown=shutdown)
