"""The actor: init, then one message at a time to the end, then terminate.

An actor is thrown away when it crashes: whatever must survive is in the database before a reply
is sent, and `init` of the next generation reads it back.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Hashable, Mapping
from contextlib import ExitStack
from typing import Any, ClassVar, Generic, TypeVar

import trio

from actors.kernel.errors import BadReturnError, UnhandledMessageError
from actors.kernel.fields import Fields
from actors.kernel.flight import FLIGHT_SIZE, Flight, carried_on, flight_of
from actors.kernel.mailbox import Envelope, Item, Mailbox, Notice, StopRequest, jumps_the_queue
from actors.kernel.messages import Caller, NoReply, Timeout
from actors.kernel.ref import Ref
from actors.kernel.timing import Timing, is_sampled
from supervisors.debug import Debug, Happening
from supervisors.errors import AlreadyStartedError
from supervisors.events import UnexpectedMessage
from supervisors.exits import NORMAL, AlreadyStarted, Crash, ExitReason
from supervisors.process import Process, StartRefusedError, is_own_crash
from supervisors.reports import MESSAGES, CrashFacts, brief
from supervisors.spec import ChildSpec, Ignore, Restart, Stop
from supervisors.system import SystemRequest

P = TypeVar("P")

TERMINATE_SECONDS = 5.0
BURST = 32
"""At most so many messages are handled between two checkpoints (D-04)."""
BURST_SECONDS = 0.0005
"""Nor does an actor go on for longer than this without one, but for the message in hand."""


class Actor(Fields, Generic[P]):
    """Base of all actors; override the callbacks."""

    mailbox_capacity: ClassVar[int] = 10_000
    terminate_seconds: ClassVar[float] = TERMINATE_SECONDS
    """Limit of `terminate` after an end of the actor's own; a stop from above has its limit."""
    flight_size: ClassVar[int] = FLIGHT_SIZE
    """How many of the latest messages the flight recorder keeps."""
    drops_expired: ClassVar[bool] = False
    """Whether a call is skipped whose deadline, its caller's, passed before its turn came."""
    serves_gone_callers: ClassVar[bool] = True
    """Whether a call is still carried out when its caller gave up before its turn came."""
    trap_exits: bool = True
    """Whether exit signals arrive as messages, so that a stop runs `terminate`; else they end."""
    registered_name: Hashable | None = None
    """A local name to hold from before init to the end."""

    def __init__(self, ref: Ref[P] | None = None) -> None:
        super().__init__()
        self.ref = ref if ref is not None else Ref[P](type(self).__name__)
        self.mailbox = Mailbox(self.mailbox_capacity)
        self._resources: ExitStack | None = None
        self.handled = 0
        self.timing = Timing()
        self.wake_at = math.inf
        self.suspended = False
        self.debug: Debug | None = None
        self._asked: ExitReason | None = None
        self._open_calls: dict[Caller[Any], None] = {}
        self._last_reply: tuple[Caller[Any], object] | None = None
        self._last_message: object = None
        self._next_steps: list[object] = []
        self._timeout_at = math.inf
        self._has_idle = type(self).handle_idle is not Actor[Any].handle_idle

    # -- callbacks ------------------------------------------------------------------------------

    async def init(self) -> Ignore | None:
        """Acquire what the actor needs; messages wait until this returns.

        Raise, or `stop(reason)`, to refuse; return `IGNORE` to decline without error.
        """

    async def handle_call(self, message: Any, caller: Caller[Any]) -> object:  # noqa: ANN401 - narrowed by each actor to its closed union
        """Answer a call: return the reply, or `NO_REPLY` and use `caller` later."""
        del caller
        raise UnhandledMessageError(f"{self.ref.name} has no call {type(message).__name__}")

    async def handle_cast(self, message: Any) -> None:  # noqa: ANN401 - as above
        """Take a message that is not answered."""
        raise UnhandledMessageError(f"{self.ref.name} has no cast {type(message).__name__}")

    async def handle_info(self, message: Any) -> None:  # noqa: ANN401 - anybody's message
        """Take any other message: `Down`, `ExitMessage`, `Timeout`, timers, what others send.

        An actor without this callback reports the message and skips it; one that has it, and
        passes on to here what it does not know, crashes.
        """
        if type(self).handle_info is not Actor[Any].handle_info:
            raise UnhandledMessageError(f"{self.ref.name} has no info {type(message).__name__}")
        shown = brief(self.redact(message))
        self.process.runtime.report(UnexpectedMessage(self.process.path, shown))

    async def handle_continue(self, step: Any) -> None:  # noqa: ANN401 - each actor's own
        """Go on with what `continue_with` asked for."""
        raise UnhandledMessageError(f"{self.ref.name} has no continue {type(step).__name__}")

    async def handle_idle(self) -> None:
        """Run when the mailbox has run empty (OTP's timeout 0): the place to act on a batch.

        Also run when the trio clock passes `wake_at`, which the callback then sets anew.
        """

    async def terminate(self, reason: ExitReason) -> None:
        """Tidy up; not run on a kill, so nothing that matters may depend on it."""

    def describe(self) -> Mapping[str, object]:
        """Small facts for the picture of the tree; `p50/p99` is the time for a message."""
        facts: dict[str, object] = {"mailbox": len(self.mailbox), "handled": self.handled}
        if len(self.mailbox):
            facts["oldest"] = f"{self.mailbox.oldest_age():.3f}s"
        if self.mailbox.dropped or self.mailbox.refused:
            facts["dropped"], facts["refused"] = self.mailbox.dropped, self.mailbox.refused
        if self.timing.samples:
            facts["p50/p99"] = str(self.timing)
        return facts

    # -- for callbacks --------------------------------------------------------------------------

    @property
    def resources(self) -> ExitStack:
        """What the process owns in the way an Erlang process owns its ports.

        Its entries are closed whatever the end, a kill included, so they must not wait.
        """
        if self._resources is None:
            self._resources = ExitStack()
        return self._resources

    def stop(self, reason: ExitReason = NORMAL) -> None:
        """End after the present callback, through `terminate`, with `reason`.

        What the callback returns to a caller is sent after `terminate`. In `init`: refuse.
        """
        self._asked = reason

    def continue_with(self, step: object) -> None:
        """Have `handle_continue(step)` run straight after this callback, before any message."""
        self._next_steps.append(step)

    def timeout_in(self, seconds: float) -> None:
        """Get a `Timeout` unless a message comes within `seconds`; to be asked for each time."""
        self._timeout_at = trio.current_time() + seconds

    def end_with(self, reason: ExitReason) -> None:
        """End through `terminate` after this request."""
        self._asked = reason

    # -- the life -------------------------------------------------------------------------------

    async def run(self, process: Process) -> ExitReason:
        """Be the body of a supervised process."""
        self.live(process)
        try:
            await self._take_names(process)
            if self.trap_exits:
                self.trap_exit_signals()
            process.handle = self
            process.facts = self._crash_facts
            if await self.init() is not None:
                process.ignore()
                return NORMAL
            if self._asked is not None:
                raise StartRefusedError(self._asked)
            process.system = self.mailbox.put_system
            if self.trap_exits:
                process.on_shutdown(self.mailbox.put_stop)
            process.started(self)
            return await self._live_to_the_end(process)
        finally:
            if self._resources is not None:
                self._resources.__exit__(*sys.exc_info())

    async def _live_to_the_end(self, process: Process) -> ExitReason:
        try:
            reason = await self._serve()
        except BaseException as error:
            if not is_own_crash(error):
                raise
            await self._terminate(Crash(error), self.terminate_seconds)
            raise
        orphaned = process.parent is not None and not process.parent.is_alive
        own = self._asked is not None or orphaned
        await self._terminate(reason, self.terminate_seconds if own else math.inf)
        return reason

    async def _take_names(self, process: Process) -> None:
        await self.ref.claim(self.mailbox)
        if self.registered_name is None:
            return
        try:
            process.runtime.names.register(self.registered_name, process)
        except AlreadyStartedError as taken:
            raise StartRefusedError(AlreadyStarted(taken.holder)) from None

    def _hear(self, reason: ExitReason, sender: Process | None) -> bool:
        """Take an exit signal as a message; that of the parent ends the actor in its turn."""
        if sender is not None and sender is self.process.parent:
            self.mailbox.put_stop(reason)
            return True
        return super()._hear(reason, sender)

    async def _serve(self) -> ExitReason:
        process, left, until = self.process, 0, 0.0
        flight: Flight | None = None
        while self._asked is None:
            now = time.perf_counter()
            if left == 0 or now > until or process.is_cut:
                await trio.lowlevel.checkpoint()  # no item is in hand: a kill here loses none
                now = time.perf_counter()
                left, until = BURST, now + BURST_SECONDS
            left -= 1
            if self._next_steps:
                await self._continue()
                continue
            item = self.mailbox.get_nowait(jumps_the_queue if self.suspended else None)
            if type(item) is Envelope:
                self._timeout_at = math.inf
                flight = flight or carried_on(process, self.flight_size)
                flight.begin(type(item.message), now)
                await self._handle(item)
                took = time.perf_counter() - now
                flight.end(took)
                if is_sampled(self.handled):
                    self.timing.note(took)
            elif item is not None:
                reason = await self._take(item)
                if reason is not None:
                    return reason
            elif self._has_idle and not self.suspended:
                await self._be_idle()
            else:
                await self._wait()
        return self._asked

    async def _be_idle(self) -> None:
        await trio.lowlevel.checkpoint()  # who is about to send does: a batch grows
        if self.mailbox.is_empty:
            await self.handle_idle()
            if self._asked is None and not self._next_steps and self.mailbox.is_empty:
                await self._wait()

    async def _wait(self) -> None:
        """Sleep until something arrives, `wake_at` (then `handle_idle` runs) or the timeout."""
        until = math.inf if self.suspended else min(self.wake_at, self._timeout_at)
        if until == math.inf:
            await self.mailbox.news()
            return
        with trio.move_on_at(until):
            await self.mailbox.news()
        if trio.current_time() >= self._timeout_at and self.mailbox.is_empty:
            self._timeout_at = math.inf
            await self._inform(Timeout())

    async def _take(self, item: Item) -> ExitReason | None:
        if isinstance(item, Notice):
            self._timeout_at = math.inf
            await self._inform(item.message)
        elif isinstance(item, StopRequest):
            return item.reason
        elif isinstance(item, SystemRequest):
            item.carry_out(self)
        return None

    async def _handle(self, envelope: Envelope) -> None:
        self.handled += 1
        message, caller = envelope.message, envelope.caller
        self._last_message = message
        if self.debug is not None:
            self._tell(Happening.IN, message)
        if caller is not None:
            if self._is_wanted(caller):
                await self._answer(message, caller)
        elif envelope.via == "cast":
            _expect_none(await self.handle_cast(message))
        else:
            _expect_none(await self.handle_info(message))
        if self.debug is not None:
            self._tell(Happening.STATE, self.get_state())

    def _is_wanted(self, caller: Caller[object]) -> bool:
        if self.drops_expired and trio.current_time() >= caller.deadline:
            return False
        return caller.open or self.serves_gone_callers

    async def _answer(self, message: object, caller: Caller[object]) -> None:
        caller.hold_in(self._open_calls)
        process = self.process
        process.deadline = caller.deadline
        try:
            reply = await self.handle_call(message, caller)
        finally:
            process.deadline = math.inf
        if reply is NotImplemented:
            raise BadReturnError(f"handle_call of {self.ref.name} returned NotImplemented")
        if isinstance(reply, NoReply):
            return
        if self.debug is not None:
            self._tell(Happening.OUT, reply)
        if self._asked is not None:
            self._last_reply = caller, reply
        else:
            caller.reply(reply)

    async def _inform(self, message: object) -> None:
        self.handled += 1
        self._last_message = message
        if self.debug is not None:
            self._tell(Happening.IN, message)
        _expect_none(await self.handle_info(message))
        if self.debug is not None:
            self._tell(Happening.STATE, self.get_state())

    async def _continue(self) -> None:
        step = self._next_steps.pop(0)
        self._last_message = step
        _expect_none(await self.handle_continue(step))

    def _tell(self, what: Happening, value: object) -> None:
        if self.debug is not None:
            self.debug.tell(what, self.redact(value))

    async def _terminate(self, reason: ExitReason, limit: float) -> None:
        """Run `terminate`, unshielded from a kill; then answer who asked for the end."""
        try:
            if limit == math.inf:
                await self.terminate(reason)
            else:
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

    def _crash_facts(self) -> CrashFacts:
        return CrashFacts(
            queue=len(self.mailbox),
            messages=tuple(self.redact(one) for one in self.mailbox.waiting(MESSAGES)),
            last_message=self.redact(self._last_message),
            state=self.redact(self.get_state()),
            flight=flight_of(self.process),
        )

    def _give_back(self, process: Process) -> None:
        """Free the name, then tell every waiting caller (D-14: in this order, without a wait)."""
        super()._give_back(process)
        self.ref.release(self.mailbox)
        unhandled = self.mailbox.close()
        reason = process.exit or NORMAL
        for caller in tuple(self._open_calls):
            caller.fail(reason)
        for envelope in unhandled:
            if envelope.caller is not None:
                envelope.caller.fail(reason)


Actor.base_fields = frozenset((*vars(Actor[Any]()), "__orig_class__"))


def _expect_none(answer: object) -> None:
    if answer is not None:
        raise BadReturnError(f"a handler returned {brief(answer)} where nothing is taken")


def actor_spec(
    child_id: Hashable,
    factory: Callable[[], Actor[Any]],
    *,
    restart: Restart = Restart.PERMANENT,
    shutdown: float | Stop | None = None,
) -> ChildSpec:
    """Child spec of an actor; `factory` makes a fresh one for every generation."""

    async def body(process: Process) -> ExitReason:
        actor = factory()
        process.initial_call = type(actor).__qualname__
        return await actor.run(process)

    return ChildSpec(id=child_id, start=body, restart=restart, shutdown=shutdown)
