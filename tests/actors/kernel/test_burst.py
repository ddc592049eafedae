"""How many messages an actor handles before others get their turn (D-04)."""

from __future__ import annotations

import pytest
import trio

from actors.kernel import actor as kernel
from actors.kernel.actor import Actor, actor_spec
from actors.kernel.ref import Ref
from supervisors.exits import KILLED
from supervisors.spec import Restart
from tests.support.tree import grown

MESSAGES = 100


class _Greedy(Actor[object]):
    """Handles all it is sent without a checkpoint of its own."""

    def __init__(self, ref: Ref[object], done: list[object]) -> None:
        super().__init__(ref)
        self._done = done

    async def handle_info(self, message: object) -> None:
        self._done.append(message)
        if message == "kill":
            self.process.kill()


async def _longest_run(done: list[object]) -> int:
    """Return the most messages handled between two turns of another task: two bursts at most."""
    longest, seen = 0, 0
    while len(done) < MESSAGES:
        await trio.lowlevel.checkpoint()
        longest, seen = max(longest, len(done) - seen), len(done)
    return longest


async def test_others_have_their_turn_after_a_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of messages holds up nobody for longer than `BURST` of them."""
    monkeypatch.setattr(kernel, "BURST_SECONDS", 1e9)
    ref, done = Ref[object]("greedy"), []
    async with grown(actor_spec("greedy", lambda: _Greedy(ref, done))):
        for number in range(MESSAGES):
            ref.info(number)
        assert 2 < await _longest_run(done) <= 2 * kernel.BURST
    assert done == list(range(MESSAGES))


async def test_slow_messages_are_handled_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes longer than `BURST_SECONDS` is followed by a checkpoint."""
    monkeypatch.setattr(kernel, "BURST_SECONDS", 0.0)
    ref, done = Ref[object]("greedy"), []
    async with grown(actor_spec("greedy", lambda: _Greedy(ref, done))):
        for number in range(MESSAGES):
            ref.info(number)
        assert await _longest_run(done) <= 2


async def test_a_kill_shows_before_the_next_message() -> None:
    """A burst goes on for no actor that was killed during it."""
    ref, done = Ref[object]("greedy"), []
    spec = actor_spec("greedy", lambda: _Greedy(ref, done), restart=Restart.TEMPORARY)
    async with grown(spec):
        process = ref.process
        assert process is not None
        for message in ("one", "kill", "two"):
            ref.info(message)
        assert await process.join() == KILLED
    assert done == ["one", "kill"]
