"""Plays one scenario on our runtime, under a clock that only moves when all is at rest."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from supervisors import system
from supervisors.exits import Crash
from supervisors.runtime import open_runtime
from tests.otp.journals.plain import Actor, End, Order
from tests.otp.journals.probe import Tell
from tests.otp.journals.reasons import reason_in
from tests.otp.journals.stage import Stage
from tests.otp.journals.steps import perform, start_tree

Json = Any
A_BIT = 1e-6
LIMIT = 3600.0


def play(scenario: Json) -> Json:
    """Return what happens, in the form of `recorded`."""
    clock = MockClock()
    return trio.run(_Player(scenario, clock).run, clock=clock)


class _Player:
    def __init__(self, scenario: Json, clock: MockClock) -> None:
        self._scenario = scenario
        self._clock = clock
        self._stage = Stage(progress=scenario.get("progress", False))
        self._plain: dict[str, Actor] = {}

    async def run(self) -> Json:
        async with open_runtime(self._stage.report) as runtime:
            self._stage.runtime = runtime
            self._clock.jump(1 + self._scenario.get("phase_ms", 0) / 1000)
            await self._add("main", traps=False)
            await self._add("parent", traps=True)
            for proc in self._scenario.get("procs", []):
                await self._add(proc["id"], traps=proc.get("traps", False))
                self._stage.starts[proc["id"]] = 1
            recorded: Json = {}
            if "tree" in self._scenario:
                recorded["start"] = await self._start()
            recorded["steps"] = [await self._step(step) for step in self._scenario["steps"]]
        return recorded

    async def _add(self, name: str, *, traps: bool) -> None:
        actor = self._plain[name] = Actor(self._stage, name, traps=traps)
        await actor.start()

    async def _start(self) -> Json:
        tree = self._scenario["tree"]
        order = Order(lambda by: start_tree(self._stage, by.plain, tree))
        self._plain["parent"].ask(order)
        taken = await self._finish(trio.current_time(), order)
        taken.pop("result_ms", None)
        return taken

    # -- steps ----------------------------------------------------------------------------------

    async def _step(self, step: Json) -> Json:
        began = trio.current_time()
        order = await self._begin(step)
        if step.get("quiet") is False:
            await self._rest(move=False)
            if order is not None and not order.done.is_set():
                await self._rest(order.done.is_set)
            return {"result": order.result} if order is not None else {}
        return await self._finish(began, order)

    async def _begin(self, step: Json) -> Order | None:
        """Do a step; what has a result is an order."""
        match step["do"]:
            case "wait":
                await self._wait(step["ms"] / 1000)
            case "settle":
                await self._wait(step.get("ms", 0) / 1000)
            case "exit":
                return await self._exit(step)
            case "burst":
                return await self._burst(step)
            case _ if step.get("async"):
                self._stage.runtime.home().start_soon(self._asynchronously, step)
            case _:
                return self._order(step)
        return None

    def _order(self, step: Json) -> Order | None:
        order = Order(lambda by: perform(by, step))
        self._plain[step.get("by", "main")].ask(order)
        return None if step.get("nowait") else order

    async def _asynchronously(self, step: Json) -> None:
        name = f"client {step['tag']}"
        actor = Actor(self._stage, name, traps=False)
        result = await perform(actor, step)
        self._stage.events.append({"ev": "result", "tag": step["tag"], "result": result})

    async def _exit(self, step: Json) -> Order | None:
        path, reason = step["path"], reason_in(step["reason"])
        process = self._stage.find(path)
        if process is None or not process.is_alive:
            return _known("not_running")
        how = step.get("how", "stop")
        if how == "signal":
            process.signal(reason, self._plain["main"].process)
        elif path in self._plain:
            self._plain[path].plain.mailbox.put_notice(End(reason))
        elif how == "stop" or not isinstance(reason, Crash):
            self._stage.target(path).cast(Tell({"stop": step["reason"]}))
        else:
            self._stage.target(path).cast(Tell({"raise": step["reason"]}))
        return None

    async def _burst(self, step: Json) -> Order | None:
        held = [self._stage.find(path) for path in step["hold"]]
        if any(process is None or not process.is_alive for process in held):
            return _known("not_running")
        for process in held:
            await system.suspend(process)
        for item in step["items"]:
            await self._begin(item)
            await self._rest(move=item.get("quiet") is not False)
        for process in held:
            if process is not None and process.is_alive:
                await system.resume(process)
        return None

    # -- time -----------------------------------------------------------------------------------

    async def _finish(self, began: float, order: Order | None) -> Json:
        """Come to rest and take what has happened."""
        result_at = None
        if order is not None:
            await self._rest(order.done.is_set)
            result_at = trio.current_time()
        await self._rest()
        taken = self._take()
        if order is not None and order.done.is_set():
            taken["result"] = order.result
        if self._scenario.get("timed"):
            taken["quiet_ms"] = _rounded(trio.current_time() - began)
            if result_at is not None:
                taken["result_ms"] = _rounded(result_at - began)
        return taken

    def _take(self) -> Json:
        stage = self._stage
        taken: Json = {"events": stage.events, "snapshot": stage.snapshot()}
        if stage.reports:
            taken["reports"] = stage.reports
        if stage.crashes:
            taken["crashes"] = stage.crashes
        stage.events, stage.reports, stage.crashes = [], [], []
        return taken

    async def _rest(self, until: Callable[[], bool] | None = None, *, move: bool = True) -> None:
        """Run what can run; then move the clock to the next deadline, and so on."""
        end = trio.current_time() + LIMIT
        while True:
            await wait_all_tasks_blocked()
            if not move or (until is not None and until()):
                return
            seconds = trio.lowlevel.current_statistics().seconds_to_next_deadline
            if seconds == math.inf or trio.current_time() > end:
                return
            self._clock.jump(max(0.0, seconds) + A_BIT)

    async def _wait(self, seconds: float) -> None:
        end = trio.current_time() + seconds
        while True:
            await wait_all_tasks_blocked()
            left = end - trio.current_time()
            if left <= 0:
                return
            deadline = trio.lowlevel.current_statistics().seconds_to_next_deadline
            self._clock.jump(max(0.0, min(left, deadline)) + A_BIT)


def _known(result: Json) -> Order:
    order = Order(perform)
    order.result = result
    order.done.set()
    return order


def _rounded(seconds: float) -> int:
    return math.floor((seconds + 0.01) * 10) * 100
