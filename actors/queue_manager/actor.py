"""The queue manager: gathers what arrives together and runs one statement for all of it.

While a statement runs, the next callers gather in the mailbox: the busier, the larger the batch,
and a lone caller never waits for company. Dies here: nothing that was acknowledged. Callers learn
of it (`CallExitError`) and may ask the next generation again, because every statement recognises
its own repetition.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import trio

from actors.domain.build import Verdict
from actors.domain.errors import UnavailableError
from actors.domain.events import (
    BuildAbandoned,
    BuildAssigned,
    BuildCancelled,
    BuildSettled,
    BuildSubmitted,
    ClaimRan,
)
from actors.domain.ids import new_id
from actors.kernel.actor import Actor, actor_spec
from actors.kernel.messages import NO_REPLY, Caller, Cast
from actors.kernel.ref import Ref
from actors.queue_manager.messages import (
    Abandon,
    Cancel,
    QueueManager,
    QueueManagerCall,
    RequestWork,
    Retry,
    Settle,
    StopGranting,
    Submit,
    Unregister,
    WorkMayWait,
)
from actors.queue_manager.state import Poll, WaitingRoom, one_each
from actors.store import queue
from actors.store.database import Database
from actors.store.patience import through_outage
from actors.store.queue import ClaimAnswer
from actors.store.retry import Retried, retry
from supervisors.spec import ChildSpec

T = TypeVar("T")

NO_WORK = ClaimAnswer(known=True, job=None)
Emit = Callable[[object], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """A call with the place of its answer."""

    message: QueueManagerCall
    caller: Caller[Any]


class QueueManagerActor(Actor[QueueManager]):
    """Owns the polls that wait, and nothing else that matters."""

    def __init__(
        self,
        ref: Ref[QueueManager],
        db: Database,
        emit: Emit,
        announce: Callable[[], object],
        *,
        look_again: float,
    ) -> None:
        super().__init__(ref)
        self._announce = announce
        self._db = db
        self._emit = emit
        self._look_again = look_again
        self._room = WaitingRoom[Caller[Any]]()
        self._gathered: list[Asked] = []
        self._next_look = 0.0
        self._granting = True

    def describe(self) -> Mapping[str, object]:
        """Facts for the tree: also how many workers wait for a build."""
        return {**super().describe(), "waiting_workers": len(self._room)}

    async def handle_call(self, message: QueueManagerCall, caller: Caller[Any]) -> object:
        """Put the request with those that the next statements serve."""
        if isinstance(message, RequestWork):
            until = trio.current_time() + message.hold
            self._room.enter(message.worker_id, until, caller)
        elif isinstance(message, StopGranting):
            self._granting = False
            caller.reply(None)
        else:
            self._gathered.append(Asked(message, caller))
        return NO_REPLY

    async def handle_cast(self, message: Cast[QueueManager]) -> None:
        """Note that work may wait."""
        if isinstance(message, WorkMayWait):
            if message.heard:
                self._room.work_may_wait = True
            else:
                self._work_entered()
        else:
            await super().handle_cast(message)

    async def handle_idle(self) -> None:
        """Serve everything that has gathered, then those who wait for work."""
        # Whoever has given up is not served: a submission that was answered 503 is sent again.
        asked = [one for one in self._gathered if one.caller.open]
        self._gathered = []
        submits, again = one_each(_of(asked, Submit), lambda one: one[0].submission.submit_key)
        settles, later = one_each(_of(asked, Settle), lambda one: one[0].report.build_id)
        self._gathered += [Asked(message, caller) for message, caller in (*again, *later)]
        await _together(
            [
                *([lambda: self._submit(submits)] if submits else []),
                *([lambda: self._settle(settles)] if settles else []),
                *(partial(self._retry, *one) for one in _of(asked, Retry)),
                *(partial(self._cancel, *one) for one in _of(asked, Cancel)),
                *(partial(self._abandon, *one) for one in _of(asked, Abandon)),
                *(partial(self._unregister, *one) for one in _of(asked, Unregister)),
            ]
        )
        await self._claim()
        self._plan_next()

    # -- statements -----------------------------------------------------------------------------

    async def _submit(self, batch: Sequence[tuple[Submit, Caller[Any]]]) -> None:
        submissions = [message.submission for message, _ in batch]
        callers = [caller for _, caller in batch]
        answers = await self._attempt(callers, lambda: queue.submit(self._db, submissions))
        for submission, caller, answer in zip(submissions, callers, answers or (), strict=False):
            self._work_entered()
            caller.reply(answer)
            if answer.made:
                self._emit(BuildSubmitted(submission.id, submission.platform))

    async def _retry(self, message: Retry, caller: Caller[Any]) -> None:
        async def once() -> tuple[Retried | None]:
            return (await retry(self._db, message.retrial),)

        answer = await self._attempt([caller], once)
        if answer is None:
            return
        (retried,) = answer
        self._work_entered()
        caller.reply(retried)
        if retried is not None and retried.made:
            self._emit(BuildSubmitted(retried.id, retried.platform))

    async def _settle(self, batch: Sequence[tuple[Settle, Caller[Any]]]) -> None:
        reports = [message.report for message, _ in batch]
        callers = [caller for _, caller in batch]
        verdicts = await self._attempt(callers, lambda: queue.settle(self._db, reports))
        for report, caller, verdict in zip(reports, callers, verdicts or (), strict=False):
            caller.reply(verdict)
            self._emit(
                BuildSettled(report.build_id, report.worker_id, report.success, verdict.value)
            )

    async def _cancel(self, message: Cancel, caller: Caller[Any]) -> None:
        tries = 0

        async def once() -> Verdict:
            nonlocal tries
            tries += 1
            repeated = message.repeated or tries > 1
            return await queue.cancel(self._db, message.build_id, repeated=repeated)

        verdict = await self._attempt([caller], once)
        if verdict is not None:
            caller.reply(verdict)
        if verdict is Verdict.APPLIED:
            self._emit(BuildCancelled(message.build_id))

    async def _abandon(self, message: Abandon, caller: Caller[Any]) -> None:
        m = message
        line = f"Returned to the queue: its worker gave it up: {m.reason}"
        verdict = await self._attempt(
            [caller], lambda: queue.abandon(self._db, m.build_id, m.worker_id, m.lease, line)
        )
        if verdict is not None:
            caller.reply(verdict)
        if verdict is Verdict.APPLIED:
            self._work_entered()
            self._emit(BuildAbandoned(m.build_id, m.worker_id))

    async def _unregister(self, message: Unregister, caller: Caller[Any]) -> None:
        async def once() -> tuple[int | None]:
            return (await queue.unregister(self._db, message.worker_id),)

        answer = await self._attempt([caller], once)
        if answer is not None:
            self._work_entered()
            caller.reply(answer[0])

    async def _claim(self) -> None:
        self._room.drop(lambda caller: not caller.open)
        if not self._granting:
            self._send_away(self._room.empty())
            return
        if len(self._room) and trio.current_time() >= self._next_look:
            await self._look()
        polls = self._room.to_claim()
        if polls:
            await self._claim_for(polls)
        self._send_away(self._room.expired(trio.current_time()))

    async def _look(self) -> None:
        """See whether builds wait that nobody announced; cheap, because most often none do."""
        self._next_look = trio.current_time() + self._look_again
        try:
            if await queue.is_work_waiting(self._db):
                self._room.work_may_wait = True
        except UnavailableError:
            return  # the claims of those who wait find out by themselves

    async def _claim_for(self, polls: Sequence[Poll[Caller[Any]]]) -> None:
        began = trio.current_time()
        asking = [(poll.worker_id, new_id()) for poll in polls]
        callers = [caller for poll in polls for caller in poll.callers]
        answers = await self._attempt(callers, lambda: queue.claim(self._db, asking))
        if answers is None:
            self._room.drop(lambda caller: not caller.open)
            return
        granted = 0
        for worker_id, answer in answers.items():
            if answer.known and answer.job is None:
                self._room.stay(worker_id, answer.controller_url)  # if it has time left
                continue
            for caller in self._room.leave(worker_id):
                caller.reply(answer)
            job = answer.job
            if job is not None and job.fresh:
                granted += 1
                self._emit(BuildAssigned(job.build_id, worker_id, job.attempt, job.waited))
        self._emit(ClaimRan(len(asking), granted, trio.current_time() - began))

    # -- helpers --------------------------------------------------------------------------------

    def _work_entered(self) -> None:
        """Note that builds came into the queue, and tell the other controllers."""
        self._room.work_may_wait = True
        self._announce()

    async def _attempt(
        self, callers: Sequence[Caller[Any]], work: Callable[[], Awaitable[T]]
    ) -> T | None:
        """Run a statement, through a short outage; after a long one its callers are told."""
        try:
            return await through_outage(work)
        except UnavailableError as outage:
            for caller in callers:
                caller.refuse(outage)
            return None

    def _send_away(self, polls: Sequence[Poll[Caller[Any]]]) -> None:
        for poll in polls:
            answer = replace(NO_WORK, controller_url=poll.controller_url)
            for caller in poll.callers:
                caller.reply(answer)

    def _plan_next(self) -> None:
        """Wake for leftovers, the end of a held poll, or a look at the queue others may fill."""
        if self._gathered:
            self.wake_at = trio.current_time()
        elif len(self._room):
            self.wake_at = min(self._room.next_end(), self._next_look)
        else:
            self.wake_at = math.inf


async def _together(statements: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """Run statements side by side; a lone one costs no nursery."""
    if len(statements) == 1:
        await statements[0]()
    elif statements:
        async with trio.open_nursery() as nursery:
            for statement in statements:
                nursery.start_soon(statement)


def _of(asked: Sequence[Asked], kind: type[T]) -> list[tuple[T, Caller[Any]]]:
    return [(one.message, one.caller) for one in asked if isinstance(one.message, kind)]


def queue_manager_spec(
    ref: Ref[QueueManager],
    db: Database,
    emit: Emit,
    *,
    announce: Callable[[], object] = lambda: None,
    look_again: float = 1.0,
) -> ChildSpec:
    """Child spec; `announce` tells other controllers that builds came into the queue.

    `look_again` is how often, in seconds, held polls look for builds nobody announced.
    """
    return actor_spec(
        ref.name,
        lambda: QueueManagerActor(ref, db, emit, announce, look_again=look_again),
        shutdown=10.0,
    )
