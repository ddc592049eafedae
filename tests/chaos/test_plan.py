"""What the monkey does is drawn from its seed alone."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.monkey import plan, usable
from tests.chaos.system import VARIANTS


def test_a_seed_repeats_its_plan() -> None:
    """The same faults, as long, on the same targets, in the same order; another seed differs."""
    names = usable("single", root=True)
    first, again, other = (list(islice(plan(seed, names, 30.0), 50)) for seed in (7, 7, 8))
    assert first == again
    assert first != other
    assert all(step.hold <= FAULTS[step.fault].hold[1] for step in first)


def test_no_fault_is_longer_than_allowed() -> None:
    """A short run cuts the long ones."""
    steps = islice(plan(1, usable("proxy", root=True), 1.5), 200)
    assert max(step.hold for step in steps) == 1.5


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_has_the_faults_that_it_can_have(variant: str) -> None:
    """Nodes are killed where there are some, the database is slow where a proxy is before it."""
    names = usable(variant, root=True)
    assert ("kill_node" in names) == (variant == "nodes")
    assert ("slow_database" in names) == (variant == "proxy")
    assert "fill_disk" in names
    assert "fill_disk" not in usable(variant, root=False)


def test_a_fault_that_does_not_exist_is_refused() -> None:
    """A name that is written wrong must not mean that nothing happens."""
    with pytest.raises(ValueError, match="no such fault: kill_al"):
        usable("single", root=True, only=("kill_al",))
