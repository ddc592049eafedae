"""Random scenarios: repeatable, well formed, and of every kind."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.otp.live.generator import scenario
from tests.otp.live.growth import Size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.otp.live.shape import Json

_SOME = 400


@pytest.fixture(scope="module")
def seed() -> int:
    """Give the first seed of a few hundred, printed when a test fails."""
    first = secrets.randbelow(10**9)
    print(f"seed {first}")
    return first


@pytest.fixture(scope="module")
def scenarios(seed: int) -> list[Json]:
    """Make scenarios of neighbouring seeds."""
    return [scenario(seed + at) for at in range(_SOME)]


def _nodes(node: Json, depth: int = 1) -> Iterator[tuple[Json, int]]:
    yield node, depth
    for child in node.get("children", []):
        yield from _nodes(child, depth + 1)


def _done(steps: list[Json]) -> Iterator[Json]:
    for step in steps:
        yield step
        yield from step.get("items", [])


def test_a_seed_makes_the_same_scenario_each_time(seed: int) -> None:
    """Nothing but the seed decides."""
    assert json.dumps(scenario(seed)) == json.dumps(scenario(seed))
    assert json.dumps(scenario(seed)) != json.dumps(scenario(seed + 1) | {"seed": seed})


def test_a_tree_keeps_to_its_size(seed: int) -> None:
    """Supervisors nest no deeper and no wider than asked."""
    for at in range(_SOME):
        tree = scenario(seed + at, Size(depth=2, children=2, steps=1))["tree"]
        for node, depth in _nodes(tree):
            assert "sup" not in node or depth <= 2
            assert len(node.get("children", [])) <= 2


def test_ids_are_unique_in_a_tree(scenarios: list[Json]) -> None:
    """No tree is refused for its ids."""
    for one in scenarios:
        ids = [node["id"] for node, _ in _nodes(one["tree"])]
        assert len(ids) == len(set(ids))


def test_significant_children_fit_their_supervisor(scenarios: list[Json]) -> None:
    """Only a child that may stay away is significant, under a supervisor that minds."""
    for one in scenarios:
        for node, _ in _nodes(one["tree"]):
            for child in node.get("children", []):
                if child.get("significant"):
                    assert child["restart"] in ("transient", "temporary")
                    assert node["sup"]["auto_shutdown"] != "never"


def test_who_never_ends_has_a_limit_and_is_only_killed(scenarios: list[Json]) -> None:
    """A scenario always comes to rest."""
    for one in scenarios:
        endless = {
            node["id"]
            for node, _ in _nodes(one["tree"])
            if node.get("probe", {}).get("terminate") == "never"
        }
        limits = {node["id"]: node.get("shutdown") for node, _ in _nodes(one["tree"])}
        assert all(limits[name] == 100 for name in endless)
        for step in _done(one["steps"]):
            if step["do"] == "exit" and step["path"].rpartition("/")[2] in endless:
                assert step["reason"] == "kill"


def test_a_tag_is_used_once(scenarios: list[Json]) -> None:
    """Every asynchronous request has a name of its own."""
    for one in scenarios:
        tags = Counter(step["tag"] for step in _done(one["steps"]) if "tag" in step)
        assert not tags or max(tags.values()) == 1


def test_every_kind_of_step_and_tree_is_made() -> None:
    """A few hundred fixed seeds have all strategies, restarts, ends and requests."""
    some = [scenario(seed) for seed in range(_SOME)]
    nodes = [node for one in some for node, _ in _nodes(one["tree"])]
    steps = [step for one in some for step in _done(one["steps"])]
    strategies = {node["sup"]["strategy"] for node in nodes if "sup" in node}
    assert strategies == {"one_for_one", "one_for_all", "rest_for_one", "simple_one_for_one"}
    shutdowns = {node.get("shutdown") for node in nodes}
    assert {None, 100, 1000, "infinity", "brutal_kill"} <= shutdowns
    assert {step["do"] for step in steps} == {
        "exit", "api", "burst", "signal", "stop", "settle", "wait"
    }  # fmt: skip
    assert {step["how"] for step in steps if "how" in step} == {"stop", "raise", "signal"}
    assert {step["op"] for step in steps if "op" in step} == {
        "start_child", "terminate_child", "restart_child", "delete_child", "get_childspec",
        "which_children", "count_children",
    }  # fmt: skip
    assert any(node.get("significant") for node in nodes)
    assert any(one.get("windowed") for one in some)
