"""The monkey: draws a plan from its seed, carries it out, and measures how long recovery takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from random import Random

import trio

from tests.chaos.faults import FAULTS, Scene
from tests.chaos.ledger import CALM, Ledger

RECOVERY_SECONDS = 75.0
"""Until the first whole life of a build; more is a violation."""
_OVERLAPS = 0.2


@dataclass(frozen=True, slots=True)
class Step:
    """One fault of the plan; `seed` draws what it hits, `overlaps` brings the next one early."""

    fault: str
    hold: float
    pause: float
    overlaps: bool
    seed: int


@dataclass(slots=True)
class Injection:
    """What became of a step; `recovered` counts seconds from when all faults began to heal."""

    fault: str
    asked: int = 0
    failed: int = 0
    recovered: float | None = None


def plan(seed: int, faults: Sequence[str], longest: float) -> Iterator[Step]:
    """Draw steps without end: for one seed always the same ones."""
    rng = Random(seed)
    weights = [FAULTS[name].weight for name in faults]
    while True:
        (name,) = rng.choices(faults, weights)
        low, high = FAULTS[name].hold
        yield Step(
            fault=name,
            hold=min(rng.uniform(low, high), longest),
            pause=rng.uniform(0.3, 2.0),
            overlaps=rng.random() < _OVERLAPS,
            seed=rng.randrange(1 << 32),
        )


def usable(variant: str, *, root: bool, only: Sequence[str] = ()) -> list[str]:
    """Return the faults that a variant can have here, in the order of the table."""
    table: Mapping[str, object] = FAULTS
    unknown = set(only) - table.keys()
    if unknown:
        raise ValueError(f"no such fault: {', '.join(sorted(unknown))}")
    return [
        name
        for name, fault in FAULTS.items()
        if variant in fault.variants and (root or not fault.needs_root) and name in (only or table)
    ]


class Monkey:
    """Carries out a plan; `injections` tells what happened."""

    def __init__(self, scene: Scene, ledger: Ledger) -> None:
        self._scene = scene
        self._ledger = ledger
        self.injections: list[Injection] = []
        self.trace: list[str] = []
        self._active = 0
        self._alone = trio.Lock()
        self._healed = 0.0

    async def run(self, steps: Iterator[Step], seconds: float, *, rounds: int = 0) -> None:
        """Inject for so many seconds, at least `rounds` faults; all are healed at the end."""
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for step in steps:
                done = trio.Event()
                nursery.start_soon(self._inject, step, done)
                with trio.move_on_after(step.hold / 2 if step.overlaps else float("inf")):
                    await done.wait()
                if not step.overlaps:
                    await trio.sleep(step.pause)
                enough = len(self.injections) >= rounds
                if enough and trio.current_time() - began >= seconds:
                    break

    async def _inject(self, step: Step, done: trio.Event) -> None:
        told = self._scene.load.tally
        injection = Injection(step.fault)
        self.injections.append(injection)
        self._ledger.label = step.fault
        self._active += 1
        asked, failed, began = told.asked, told.failed, trio.current_time()
        async with self._alone if FAULTS[step.fault].alone else nullcontext():
            await self._suffer(step)
        self._active -= 1
        injection.recovered = await self._recovery()
        injection.asked, injection.failed = told.asked - asked, told.failed - failed
        if self._ledger.label == step.fault:
            self._ledger.label = CALM
        self.trace.append(f"{began:.1f} {step.fault} for {step.hold:.1f}: {injection.recovered}")
        done.set()

    async def _suffer(self, step: Step) -> None:
        heal = await FAULTS[step.fault].inject(self._scene, Random(step.seed))
        try:
            await trio.sleep(step.hold)
        finally:
            self._healed = trio.current_time()
            with trio.CancelScope(shield=True):
                await heal()

    async def _recovery(self) -> float | None:
        """Return the seconds from the last healing to a whole life without a fault, or None."""
        with trio.move_on_after(RECOVERY_SECONDS) as patience:
            while True:
                healed = self._healed
                await self._ledger.whole_life_after(healed)
                if healed == self._healed and not self._active:
                    return trio.current_time() - healed
                patience.deadline = trio.current_time() + RECOVERY_SECONDS
                await trio.sleep(0.05)
        return None
