"""Three bugs that the hammer must find, what finds them, and the words they are found by."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.chaos.load import Shape
from tests.chaos.run import Order


@dataclass(frozen=True, slots=True)
class Planted:
    """A bug: how long and with which faults it is looked for, and a word of what is then wrong."""

    sign: str
    seconds: float
    faults: tuple[str, ...] = ()
    shape: Shape = field(default_factory=Shape)


PLANTED = {
    "lost_wake_up": Planted(
        "builds wait though workers do", 0.0, shape=Shape(rate=0.01, holds=(8,))
    ),
    "doubled_retry": Planted("submission", 8.0, ("kill_queue_manager", "drop_clients")),
    "late_settlement": Planted(
        "ended_once", 15.0, shape=Shape(rate=4.0, backlog=12, silent=0.3, silence=6.5)
    ),
}


def order_of(name: str, seed: int) -> Order:
    """Return the run that looks for one of them."""
    bug = PLANTED[name]
    return Order(
        seed=seed,
        seconds=bug.seconds,
        faults=bug.faults,
        no_faults=not bug.faults,
        shape=bug.shape,
        program=("-m", "tests.chaos.planted", name),
    )
