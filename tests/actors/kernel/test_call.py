"""Calls and casts: replies, limits, refusals, and what a caller learns when the actor ends."""

from __future__ import annotations

import pytest
import trio

from actors.kernel.errors import (
    CallExitError,
    CallTimeoutError,
    MailboxFullError,
    NoProcError,
    UnhandledMessageError,
)
from supervisors.events import ChildTerminated
from supervisors.exits import KILLED, SHUTDOWN, Crash, Shutdown
from supervisors.spec import Restart
from tests.support.actors import (
    Fail,
    Hold,
    Leave,
    Note,
    Refuse,
    Release,
    Say,
    Stage,
    Strange,
    StrangeNote,
)
from tests.support.tree import Boom, crash_of, grown, quiet, virtual_time


class Asked:
    """A call in a task of its own, and what it came to."""

    def __init__(self, nursery: trio.Nursery, stage: Stage, message: object, **how: float) -> None:
        self.answer: object = None
        self.error: Exception | None = None
        self.at = 0.0
        self.scope = trio.CancelScope()
        self.done = trio.Event()
        nursery.start_soon(self._ask, stage, message, how)

    async def _ask(self, stage: Stage, message: object, how: dict[str, float]) -> None:
        began = trio.current_time()
        with self.scope:
            try:
                self.answer = await stage.ref.call(message, **how)
            except Exception as error:  # noqa: BLE001 - it is what the test looks at
                self.error = error
        self.at = trio.current_time() - began
        self.done.set()


@virtual_time
async def test_call_returns_the_reply() -> None:
    """Of the handler, in the caller."""
    stage = Stage()
    async with grown(stage.spec()):
        assert await stage.ref.call(Say("hello")) == "hello"


@virtual_time
async def test_otp_165_166_messages_are_handled_one_at_a_time_in_order_of_sending() -> None:
    """Casts and calls share one line, also while a handler waits."""
    stage = Stage()
    async with grown(stage.spec()) as tree:
        first = Asked(tree.nursery, stage, Say("one", wait=1.0))
        await quiet()
        assert stage.ref.cast(Note("two"))
        assert await stage.ref.call(Say("three")) == "three"
        assert first.answer == "one"
        assert stage.journal[1:] == ["say one", "two", "say three"]


@virtual_time
async def test_otp_159_160_handler_may_answer_later_and_serves_others_meanwhile() -> None:
    """NO_REPLY keeps the caller waiting, and nobody else."""
    stage = Stage()
    async with grown(stage.spec()) as tree:
        held = Asked(tree.nursery, stage, Hold())
        await quiet()
        assert await stage.ref.call(Say("between")) == "between"
        assert not held.done.is_set()
        stage.ref.cast(Release("now"))
        await held.done.wait()
        assert held.answer == "now"


@virtual_time
async def test_refused_call_raises_the_error_and_the_actor_goes_on() -> None:
    """A refusal is an answer, not a crash."""
    stage = Stage()
    async with grown(stage.spec()):
        with pytest.raises(LookupError, match="not here"):
            await stage.ref.call(Refuse(LookupError("not here")))
        assert await stage.ref.call(Say("alive")) == "alive"
        assert len(stage.actors) == 1


@virtual_time
@pytest.mark.parametrize(("how", "seconds"), [({}, 5.0), ({"timeout": 0.25}, 0.25)])
async def test_otp_150_call_gives_up_at_its_limit(how: dict[str, float], seconds: float) -> None:
    """Five seconds if nothing is said; the error says whom and what was asked."""
    stage = Stage()
    async with grown(stage.spec()) as tree:
        asked = Asked(tree.nursery, stage, Hold(), **how)
        await asked.done.wait()
        assert asked.at == pytest.approx(seconds)
        assert isinstance(asked.error, CallTimeoutError)
        assert str(asked.error) == f"echo did not answer Hold in {seconds:g} s"


@virtual_time
async def test_infinite_limit_waits_for_ever() -> None:
    """A day, here."""
    stage = Stage()
    async with grown(stage.spec()):
        assert await stage.ref.call(Say("at last", wait=86400.0), timeout=float("inf")) == "at last"


@virtual_time
async def test_otp_156_late_reply_is_dropped_and_nothing_is_kept() -> None:
    """The actor is not told, its work is done, its table of open calls is empty."""
    stage = Stage()
    async with grown(stage.spec()) as tree:
        asked = Asked(tree.nursery, stage, Say("late", wait=6.0))
        await asked.done.wait()
        assert isinstance(asked.error, CallTimeoutError)
        await trio.sleep(2)
        assert stage.journal[1:] == ["say late"]
        assert not stage.actors[0]._open_calls
        assert await stage.ref.call(Say("next")) == "next"


@virtual_time
@pytest.mark.parametrize("serves", [True, False])
async def test_otp_157_request_of_a_caller_who_has_gone_is_still_carried_out(
    *, serves: bool
) -> None:
    """Nothing is withdrawn from a mailbox; an actor may choose to pass over such calls."""
    stage = Stage()
    stage.kind.serves_gone_callers = serves
    async with grown(stage.spec()) as tree:
        Asked(tree.nursery, stage, Say("slow", wait=1.0))
        await quiet()
        gone = Asked(tree.nursery, stage, Say("gone"))
        await quiet()
        gone.scope.cancel()
        await gone.done.wait()
        assert await stage.ref.call(Say("next")) == "next"
        said = ["say slow", *["say gone"] * serves, "say next"]
        assert stage.journal[1:] == said
        assert not stage.actors[0]._open_calls


@virtual_time
async def test_otp_168_cancelled_caller_does_not_touch_the_actor() -> None:
    """The handler runs to its end, the reply is dropped."""
    stage = Stage()
    async with grown(stage.spec()) as tree:
        asked = Asked(tree.nursery, stage, Say("done", wait=1.0))
        await quiet()
        asked.scope.cancel()
        await asked.done.wait()
        assert asked.at == 0.0
        await trio.sleep(2)
        assert stage.journal[1:] == ["say done"]
        assert (asked.answer, asked.error) == (None, None)


@virtual_time
async def test_otp_040_162_every_waiting_caller_learns_of_a_crash_at_once() -> None:
    """Whether in hand, held or in line; the next generation serves none of them."""
    stage = Stage()
    async with grown(stage.spec()) as tree:
        held = Asked(tree.nursery, stage, Hold())
        slow = Asked(tree.nursery, stage, Say("slow", wait=1.0))
        await quiet()
        failing = Asked(tree.nursery, stage, Fail(Boom("now")))
        queued = [Asked(tree.nursery, stage, Hold()) for _ in range(5)]
        for asked in (held, failing, *queued):
            await asked.done.wait()
            assert isinstance(asked.error, CallExitError)
            assert isinstance(crash_of(asked.error.reason), Boom)
            assert asked.at <= 1.0
        assert str(failing.error) == "echo ended during Fail (crash: Boom: now)"
        assert slow.answer == "slow"
        await quiet()
        assert stage.actors[1].handled == 0


@virtual_time
async def test_otp_151_caller_learns_of_a_kill_at_once() -> None:
    """Not at the limit of the call."""
    stage = Stage()
    async with grown(stage.spec()) as tree:
        asked = Asked(tree.nursery, stage, Hold())
        await trio.sleep(1)
        (slot,) = tree.sup().slots()
        assert slot.process is not None
        slot.process.kill()
        await asked.done.wait()
        assert isinstance(asked.error, CallExitError)
        assert (asked.error.reason, asked.at) == (KILLED, pytest.approx(1))


@virtual_time
async def test_otp_152_171_call_to_nobody_fails_at_once_and_a_cast_says_so() -> None:
    """Before the start, after the end; a cast never raises."""
    stage = Stage(restart=Restart.TEMPORARY)
    for _ in range(2):
        with pytest.raises(NoProcError):
            await stage.ref.call(Say("anyone"))
        with pytest.raises(NoProcError):
            await stage.ref.send(Note("anyone"))
        assert stage.ref.cast(Note("anyone")) is False
        assert not stage.ref.is_alive
        async with grown(stage.spec()) as tree:
            assert stage.ref.is_alive
            await tree.stop()


@virtual_time
async def test_call_is_refused_when_the_mailbox_is_full() -> None:
    """At once; casts are dropped and say so."""
    stage = Stage(capacity=1)
    async with grown(stage.spec()) as tree:
        Asked(tree.nursery, stage, Say("slow", wait=1.0))
        await quiet()
        assert stage.ref.cast(Note("fills it")) is True
        assert stage.ref.cast(Note("too many")) is False
        with pytest.raises(MailboxFullError):
            await stage.ref.call(Say("too many"))
        assert stage.actors[0].mailbox.refused == 2
        assert await stage.ref.call(Say("patient"), wait_for_room=True) == "patient"
        assert stage.journal[1:] == ["say slow", "fills it", "say patient"]


@virtual_time
@pytest.mark.parametrize("cast", [False, True])
async def test_unhandled_message_crashes_the_actor(*, cast: bool) -> None:
    """It is a bug of whoever sent it, and not passed over."""
    stage = Stage()
    async with grown(stage.spec()) as tree:
        if cast:
            stage.ref.cast(StrangeNote())
        else:
            with pytest.raises(CallExitError, match="has no call Strange"):
                await stage.ref.call(Strange())
        event = await tree.reports.seen(ChildTerminated, "echo")
        assert isinstance(crash_of(event.reason), UnhandledMessageError)
        await quiet()
        assert await stage.ref.call(Say("again")) == "again"


@virtual_time
@pytest.mark.parametrize("terminate_fails", [False, True])
async def test_otp_161_stop_with_reply_answers_after_terminate(*, terminate_fails: bool) -> None:
    """The caller gets its reply, even if `terminate` crashes, and not an exit."""
    stage = Stage(restart=Restart.TEMPORARY)
    stage.terminates.append(Boom() if terminate_fails else 2.0)
    async with grown(stage.spec()) as tree:
        asked = Asked(tree.nursery, stage, Leave(Shutdown("enough")))
        await asked.done.wait()
        assert asked.answer == "left"
        assert asked.at == pytest.approx(0 if terminate_fails else 2)
        assert "terminate shutdown: enough" in stage.journal


@virtual_time
async def test_otp_038_same_ref_reaches_the_next_generation_whose_state_is_new() -> None:
    """What the dead one had in hand is gone."""
    stage = Stage()
    async with grown(stage.spec()) as tree:
        before = tree.sup().slots()[0].process
        with pytest.raises(CallExitError):
            await stage.ref.call(Fail(Boom()))
        assert await stage.ref.call_again(Say("back")) == "back"
        after = tree.sup().slots()[0].process
        assert after is not before
        assert [actor.handled for actor in stage.actors] == [1, 1]


@virtual_time
async def test_call_again_waits_for_the_name_without_spinning() -> None:
    """The clock jumps on, so nothing is busy; out of patience it says what is known."""
    stage = Stage()
    async with grown(stage.spec()) as tree:
        await tree.sup().terminate_child("echo")
        began = trio.current_time()
        with pytest.raises(NoProcError):
            await stage.ref.call_again(Say("anyone"), patience=2)
        assert trio.current_time() - began == pytest.approx(2)
        tree.nursery.start_soon(tree.sup().restart_child, "echo")
        assert await stage.ref.call_again(Say("back")) == "back"


@virtual_time
async def test_call_during_a_slow_init_waits_for_it() -> None:
    """The mailbox is there from the beginning, messages wait in it."""
    stage = Stage()
    stage.inits.extend([0.0, 3.0])
    async with grown(stage.spec()) as tree:
        with pytest.raises(CallExitError):
            await stage.ref.call(Fail(Boom()))
        await quiet()
        asked = Asked(tree.nursery, stage, Say("early"))
        await asked.done.wait()
        assert (asked.answer, asked.at) == ("early", pytest.approx(3))


@virtual_time
async def test_caller_waiting_on_a_stopping_actor_learns_shutdown() -> None:
    """A call that came behind the stop is never handled."""
    stage = Stage()
    async with grown(stage.spec()) as tree:
        held = Asked(tree.nursery, stage, Say("last", wait=1.0))
        await quiet()
        tree.root.shutdown()
        await quiet()
        late = Asked(tree.nursery, stage, Say("late"))
        await late.done.wait()
        assert held.answer == "last"
        assert isinstance(late.error, CallExitError)
        assert late.error.reason == SHUTDOWN
        assert "say late" not in stage.journal


@virtual_time
async def test_otp_203_crash_report_holds_the_exception_with_its_traceback() -> None:
    """So that one line of the report leads to the line of code."""
    stage = Stage()
    async with grown(stage.spec()) as tree:
        with pytest.raises(CallExitError):
            await stage.ref.call(Fail(Boom("here")))
        event = await tree.reports.seen(ChildTerminated, "echo")
        assert isinstance(event.reason, Crash)
        assert event.reason.exception.__traceback__ is not None
