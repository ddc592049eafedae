"""Random trees and what is done to them, as values that hypothesis can shrink."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEPTH = 3
RESTARTS = ("permanent", "transient", "temporary")
STRATEGIES = ("one_for_one", "rest_for_one", "one_for_all")
AUTOS = ("never", "never", "any_significant", "all_significant")
STOPS = ("ok", "ok", "ok", "brutal", "normal", "detail", "fail", "deaf")
"""What a leaf does when told to stop."""
ENDS = ("normal", "shutdown", "detail", "crash", "crash", "kill", "kill")
"""How a child ends by itself, or by a kill."""
DEAF_SECONDS = 1.0


@dataclass(frozen=True)
class Leaf:
    """A child without children."""

    name: str
    restart: str
    significant: bool
    stop: str


@dataclass(frozen=True)
class Branch:
    """A supervisor; a dynamic one begins empty and has leaves only."""

    name: str
    restart: str
    significant: bool
    strategy: str
    intensity: int
    period: float
    auto: str
    children: tuple[Leaf | Branch, ...]
    dynamic: bool = False


@dataclass(frozen=True)
class Step:
    """Numbers that are taken modulo what there is to choose from at that moment."""

    act: str
    where: int
    which: int
    end: str
    script: tuple[str, ...]
    seconds: float
    leaf: tuple[str, bool, str]


ACTS = (
    *("end_leaf",) * 6,
    *("end_branch",) * 2,
    *("terminate", "restart", "delete", "start", "start", "start_again", "sleep"),
)
_scripts = st.lists(st.sampled_from(("fail", "fail", "ignore")), max_size=3).map(tuple)
_quarters = st.integers(0, 24).map(lambda n: n / 4)
_looks = st.tuples(st.sampled_from(RESTARTS), st.booleans(), st.sampled_from(STOPS))

steps = st.lists(
    st.builds(
        Step,
        act=st.sampled_from(ACTS),
        where=st.integers(0, 7),
        which=st.integers(0, 11),
        end=st.sampled_from(ENDS),
        script=st.one_of(st.just(()), st.just(()), _scripts),
        seconds=_quarters,
        leaf=_looks,
    ),
    min_size=5,
    max_size=20,
)


@st.composite
def trees(draw: Callable[..., object]) -> Branch:
    """Draw a root with a tree below it."""
    return _branch(draw, count(1), 1, "never")


def _branch(draw: Callable[..., object], numbers: Iterator[int], depth: int, above: str) -> Branch:
    name = "root" if depth == 1 else f"s{next(numbers)}"
    auto = draw(st.sampled_from(AUTOS))
    restart = "permanent" if depth == 1 else draw(st.sampled_from(RESTARTS))
    significant = above != "never" and restart != "permanent" and draw(st.booleans())
    dynamic = depth > 1 and draw(st.integers(0, 3)) == 3
    children: list[Leaf | Branch] = []
    for _ in range(0 if dynamic else draw(st.integers(1, 4))):
        if depth < DEPTH and draw(st.integers(0, 2)) == 2:
            children.append(_branch(draw, numbers, depth + 1, auto))
        else:
            children.append(leaf(f"c{next(numbers)}", draw(_looks), auto))
    return Branch(
        name=name,
        restart=restart,
        significant=significant,
        strategy="one_for_one" if dynamic else draw(st.sampled_from(STRATEGIES)),
        intensity=draw(st.integers(0, 3)) if depth > 1 else draw(st.integers(1, 9)),
        period=draw(st.integers(1, 16)) / 4,
        auto="never" if dynamic else auto,
        children=tuple(children),
        dynamic=dynamic,
    )


def leaf(name: str, look: tuple[str, bool, str], auto: str) -> Leaf:
    """Make a leaf that the supervisor above accepts."""
    restart, significant, stop = look
    return Leaf(name, restart, significant and auto != "never" and restart != "permanent", stop)
