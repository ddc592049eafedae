"""Random trees, random deaths, random requests: what the oracle says is what happens (T-60, T-61).

`EXPO_MODEL_EXAMPLES=20000` makes it long.
"""

from __future__ import annotations

import os
from itertools import groupby
from typing import TYPE_CHECKING

import trio
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.supervisors.model.oracle import Kid, Oracle
from tests.supervisors.model.shape import Branch, Leaf, Step, leaf, steps, trees
from tests.supervisors.model.stage import Cast
from tests.support.tree import grown, quiet

if TYPE_CHECKING:
    from supervisors.snapshot import Slot

EXAMPLES = int(os.environ.get("EXPO_MODEL_EXAMPLES", "150"))
SHRINK = [Phase.shrink] if "EXPO_MODEL_SHRINK" in os.environ else []


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, *SHRINK],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(tree=trees(), todo=steps)
def test_a_tree_does_what_the_model_of_otp_says(tree: Branch, todo: list[Step]) -> None:
    """Who is replaced, who keeps identity, order of events, reports, budget left, who gives up."""
    trio.run(_play, tree, todo, clock=MockClock(autojump_threshold=0))


@given(st.data())
@settings(max_examples=20, deadline=None)
def test_the_model_tells_a_wrong_order(data: st.DataObject) -> None:
    """Its comparison is no rubber stamp: two events that changed places are seen."""
    expected = data.draw(st.lists(st.text("abc", min_size=1), min_size=2, unique=True))
    wrong = [*expected[1:], expected[0]]
    assert matches(list(expected), expected)
    assert not matches(list(expected), wrong)
    assert matches([expected], wrong)


async def _play(tree: Branch, todo: list[Step]) -> None:
    cast, oracle = Cast(), Oracle(tree)
    async with grown(cast.spec(tree)) as living:
        cast.tree = living
        await quiet()
        _compare(oracle, cast)
        for number, step in enumerate(todo):
            oracle.begin(trio.current_time())
            await _Deed(oracle, cast, step, number).done()
            with trio.move_on_at(oracle.now):
                await trio.sleep_forever()
            await quiet()
            _compare(oracle, cast)
            event(step.act)
            if oracle.over is not None:
                event("gave up")
                return


def _compare(oracle: Oracle, cast: Cast) -> None:
    seen, reports = cast.take(), cast.take_reports()
    if oracle.loose:
        assert sorted(seen) == sorted(_flat(oracle.events))
        assert sorted(reports) == sorted(oracle.reports)
    else:
        assert matches(oracle.events, seen), f"expected {oracle.events}, saw {seen}"
        assert _settled(reports) == _settled(oracle.reports)
    assert (cast.tree.root.exit is None) is (oracle.over is None)
    if oracle.over is None:
        assert _picture(cast, cast.tree.sup().slots()) == [_drawn(kid) for kid in oracle.root.kids]
        for kid in oracle.branches():
            left = cast.loop(kid.path).window.left(trio.current_time())
            assert (kid.path, left) == (kid.path, kid.left(trio.current_time()))


def matches(expected: list[str | list[str]], seen: list[str]) -> bool:
    """Whether events are in order; a list among the expected stands for any order of it."""
    at = 0
    for one in expected:
        block = one if isinstance(one, list) else [one]
        if sorted(seen[at : at + len(block)]) != sorted(block):
            return False
        at += len(block)
    return at == len(seen)


def _settled(reports: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Sort what a dynamic supervisor tells of children that it stopped together."""
    settled: list[tuple[str, str, str]] = []
    for _, run in groupby(reports, key=lambda report: report[:2]):
        one = list(run)
        settled += sorted(one) if one[0][0] == "children" else one
    return settled


def _flat(events: list[str | list[str]]) -> list[str]:
    return [text for one in events for text in (one if isinstance(one, list) else [one])]


def _drawn(kid: Kid) -> tuple[object, ...]:
    below = [_drawn(one) for one in kid.kids] if kid.life is not None else []
    return kid.spec.name, kid.life, below


def _picture(cast: Cast, slots: list[Slot]) -> list[tuple[object, ...]]:
    shown: list[tuple[object, ...]] = []
    for slot in slots:
        process = slot.process
        assert slot.state == ("running" if process else "idle")
        below = getattr(process.handle, "slots", list) if process else list
        number = cast.numbers[process] if process else None
        shown.append((slot.spec.id, number, _picture(cast, below())))
    return shown


class _Deed:
    """One step, done to both."""

    def __init__(self, oracle: Oracle, cast: Cast, step: Step, number: int) -> None:
        self.oracle, self.cast, self.step, self.number = oracle, cast, step, number

    async def done(self) -> None:
        await getattr(self, self.step.act)()

    def _script(self, name: str) -> None:
        self.oracle.scripts[name].extend(self.step.script)
        self.cast.scripts[name].extend(self.step.script)

    async def end_leaf(self) -> None:
        leaves = self.oracle.leaves()
        if leaves:
            kid = leaves[self.step.which % len(leaves)]
            self._script(leaves[self.step.where % len(leaves)].spec.name)
            self.cast.end(kid.path, self.step.end)
            self.oracle.end_leaf(kid, self.step.end)

    async def end_branch(self) -> None:
        branches = self.oracle.branches()[1:]
        if not branches:
            return
        kid = branches[self.step.which % len(branches)]
        end = {"crash": "kill"}.get(self.step.end, self.step.end)
        if end == "kill" and _is_deaf(kid):
            end = "normal"
        await self.cast.end_branch(kid.path, end)
        if end == "kill":
            self.oracle.kill_branch(kid)
        else:
            self.oracle.stop_branch(kid, end)

    async def terminate(self) -> None:
        await self._request("terminate", "terminate_child")

    async def restart(self) -> None:
        await self._request("restart", "restart_child")

    async def delete(self) -> None:
        await self._request("delete", "delete_child")

    async def _request(self, act: str, method: str) -> None:
        sup = self._sup()
        if not sup.kids or (sup.spec.dynamic and act != "terminate"):
            return
        kid = sup.kids[self.step.which % len(sup.kids)]
        if act == "restart" and isinstance(kid.spec, Leaf):
            self._script(kid.spec.name)
        key = self.cast.key(sup.path, kid.spec.name, kid.life)
        answer = await self.cast.ask(getattr(self.cast.loop(sup.path), method)(key))
        assert answer == getattr(self.oracle, act)(sup, kid)

    async def start(self) -> None:
        await self._start(f"n{self.number}")

    async def start_again(self) -> None:
        sup = self._sup()
        if sup.kids and not sup.spec.dynamic:  # its children have no ids, only lives
            await self._start(sup.kids[self.step.which % len(sup.kids)].spec.name)

    async def _start(self, name: str) -> None:
        sup = self._sup()
        one = leaf(name, self.step.leaf, sup.spec.auto)
        if name not in {kid.spec.name for kid in sup.kids}:
            self._script(name)
        answer = await self.cast.ask(self.cast.loop(sup.path).start_child(self.cast.leaf(one)))
        assert answer == self.oracle.start(sup, one)

    async def sleep(self) -> None:
        self.oracle.now += self.step.seconds

    def _sup(self) -> Kid:
        branches = self.oracle.branches()
        return branches[self.step.where % len(branches)]


def _is_deaf(kid: Kid) -> bool:
    return any(
        one.spec.stop == "deaf" if isinstance(one.spec, Leaf) else _is_deaf(one)
        for one in kid.kids
        if one.life is not None
    )
