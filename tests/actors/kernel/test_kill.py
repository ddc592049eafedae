"""A kill at every place of the loop: callers always learn, resources close, the next one serves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
from trio.abc import Instrument

from actors.kernel import actor as kernel
from actors.kernel.errors import CallExitError, NoProcError
from supervisors.exits import KILLED
from supervisors.process import Process
from supervisors.spec import Budget, ChildSpec
from supervisors.supervisor import supervisor
from tests.support.actors import Fail, Hold, Leave, Say, Stage
from tests.support.tree import Boom, Tree, grown, quiet, virtual_time


class Killer(Instrument):
    """Kills the process of a task before its n-th step."""

    def __init__(self, nth: int) -> None:
        self.left = nth
        self.victim: Process | None = None
        self.struck = False

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count the steps of the victim."""
        if self.victim is None or self.struck or task is not self.victim.task:
            return
        self.left -= 1
        if self.left < 0:
            self.struck = True
            self.victim.kill()


def watched(spec: ChildSpec, on_life: Callable[[Process], None]) -> ChildSpec:
    """Return the spec with a hook that sees each process before its first step."""

    async def body(process: Process) -> object:
        on_life(process)
        return await spec.start(process)

    return ChildSpec(id=spec.id, start=body)


class Callers:
    """Many calls, and what each came to."""

    def __init__(self, tree: Tree, stage: Stage) -> None:
        self._tree = tree
        self._stage = stage
        self.asked = 0
        self.outcomes: list[object] = []

    def ask(self, message: object) -> None:
        """Call in a task of its own."""
        self.asked += 1
        self._tree.nursery.start_soon(self._ask, message)

    async def _ask(self, message: object) -> None:
        try:
            self.outcomes.append(await self._stage.ref.call(message, timeout=1000))
        except (CallExitError, NoProcError) as error:
            self.outcomes.append(error)


async def strike(nth: int) -> bool:
    """Run a whole life (init, calls, idle, terminate) with a kill before step `nth` of it."""
    stage = Stage()
    stage.inits.extend([0.0, 1.0])
    stage.terminates.extend([0.0, 1.0])
    killer = Killer(nth)
    lives: list[Process] = []

    def on_life(process: Process) -> None:
        lives.append(process)
        if len(lives) == 2:
            killer.victim = process

    spec = watched(stage.actor(), on_life)
    flags = Budget(intensity=100)
    async with grown(supervisor("root", [spec], budget=flags)) as tree:
        trio.lowlevel.add_instrument(killer)
        callers = Callers(tree, stage)
        callers.ask(Fail(Boom()))
        await quiet()  # the second life is in its slow init now
        for message in (Say("one", wait=1.0), Hold(), Say("two"), Hold(), Leave(), Say("behind")):
            callers.ask(message)
            await trio.lowlevel.checkpoint()
        await trio.sleep(10)
        trio.lowlevel.remove_instrument(killer)
        assert len(callers.outcomes) == callers.asked, "a caller never learned"
        assert stage.journal.count("close") == stage.journal.count("init") - 1
        if killer.struck:
            assert lives[1].exit == KILLED
        assert await stage.ref.call(Say("alive")) == "alive"
    assert stage.journal.count("close") == stage.journal.count("init")
    return killer.struck


@pytest.mark.parametrize(("burst", "steps"), [(1, 9), (kernel.BURST, 4)])
@virtual_time
async def test_killed_before_any_step_nobody_is_left_waiting(
    burst: int, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first step of init to the last of terminate, also with a step a message."""
    monkeypatch.setattr(kernel, "BURST", burst)
    nth = 0
    while await strike(nth):
        nth += 1
    assert nth >= steps


async def struck_in(place: str) -> list[object]:
    """Kill the second life in a place of the loop; return what its callers learned."""
    stage = Stage()
    stage.inits.extend([0.0, 1.0 if place == "init" else 0.0])
    stage.terminates.extend([0.0, 1.0])
    async with grown(stage.spec()) as tree:
        callers = Callers(tree, stage)
        callers.ask(Fail(Boom()))
        await quiet()
        callers.outcomes.clear()
        message = {"handler": Say("slow", wait=1.0), "terminate": Leave()}.get(place, Hold())
        callers.ask(message)
        await quiet()
        callers.ask(Say("behind"))
        await quiet()
        life = tree.sup().slots()[0].process
        assert life is not None
        life.kill()
        assert await life.join() == KILLED
        await quiet()
        assert len(stage.actors) == 3
        assert stage.journal.count("close") == 2
        assert stage.journal.count("terminated") == 1  # of the first life, which crashed
        assert await stage.ref.call(Say("alive")) == "alive"
        return callers.outcomes


@virtual_time
@pytest.mark.parametrize("place", ["init", "handler", "idle", "terminate"])
async def test_killed_in_a_place_callers_learn_killed_and_the_next_one_serves(place: str) -> None:
    """Whoever waited is told, whoever was answered before the kill keeps the answer."""
    outcomes = await struck_in(place)
    answered = [outcome for outcome in outcomes if isinstance(outcome, str)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, CallExitError)]
    assert answered == (["behind"] if place == "idle" else [])
    assert len(refused) == (1 if place == "idle" else 2)
    assert all(error.reason == KILLED for error in refused)
