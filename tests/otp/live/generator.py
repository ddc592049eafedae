"""Random scenarios of the journal format: a tree and steps that make sense for it.

The order of what happens is decided by OTP alone in almost all of them: processes that act side
by side come from bursts, killed supervisors and dynamic supervisors, whose open orders have marks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from tests.otp.live.growth import Growth, Size

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.otp.live.shape import Json, Value

# Whole seconds and a finer clock agree on a gap this long after a period of one second.
_PAST_THE_WINDOW_MS = 2300
# A terminate that takes longer takes longer than its child's limit, too.
_QUICK_MS = 20


def scenario(seed: int, size: Size | None = None) -> Json:
    """Make the scenario of this seed: the same one each time."""
    chance = Random(seed)
    size = size or Size()
    windowed = chance.random() < 0.05
    growth = Growth(chance, size, period=1 if windowed else 30)
    tree = growth.root()
    steps = _Script(chance, growth, tree, windowed=windowed).write(chance.randint(1, size.steps))
    made: Json = {"name": f"live_{seed}", "kind": "random", "seed": seed}
    return made | {"tree": tree, "steps": steps} | ({"windowed": True} if windowed else {})


@dataclass(slots=True)
class _Branch:
    """A supervisor as the script sees it: its node and the ids it may know."""

    path: str
    node: Json
    ids: list[str]
    endless: set[str] = field(default_factory=set)
    slow: bool = False
    """Whether a child may take longer to end than it has: as an orphan it is killed here (D-07)."""

    @property
    def dynamic(self) -> bool:
        return "template" in self.node

    def knows(self, label: str, probe: Json) -> None:
        """Note a child; one whose terminate never returns must not be asked to end itself."""
        self.ids.append(label)
        own = self.node.get("template", {}).get("probe", {}) | probe
        terminate = own.get("terminate")
        if terminate == "never":
            self.endless.add(f"{self.path}/{label}")
        self.slow |= isinstance(terminate, dict) and terminate.get("delay", 0) > _QUICK_MS

    @property
    def auto(self) -> str:
        found: str = self.node["sup"].get("auto_shutdown", "never")
        return found


@dataclass(slots=True)
class _Script:
    chance: Random
    growth: Growth
    tree: Json
    windowed: bool
    branches: list[_Branch] = field(default_factory=list)
    added: int = 0
    tags: int = 0
    waits: int = 0

    def write(self, count: int) -> list[Json]:
        self._meet(self.tree, "root")
        steps = [step for branch in self.branches if branch.dynamic for step in self._fill(branch)]
        kinds: list[tuple[int, Callable[[], list[Json]]]] = [
            (40, self._exit),
            (38, self._api),
            (10, self._burst),
            (4, self._stop),
            (3, self._busy),
            (3 if len(self.branches) > 1 else 0, self._kill_branch),
        ]
        if self.windowed:
            kinds.append((30, self._wait))
        weights = [weight for weight, _ in kinds]
        for _ in range(count):
            steps += self.chance.choices([kind for _, kind in kinds], weights)[0]()
        return steps + self._ending()

    def _meet(self, node: Json, path: str) -> None:
        branch = _Branch(path, node, [])
        self.branches.append(branch)
        for child in node.get("children", []):
            branch.knows(child["id"], child.get("probe", {}))
            if "sup" in child:
                self._meet(child, f"{path}/{child['id']}")

    def _ending(self) -> list[Json]:
        if self.chance.random() < 0.2:
            return [{"do": "signal", "by": "parent", "to": "root", "reason": "shutdown"}]
        if self.chance.random() < 0.05:
            return [{"do": "exit", "path": "parent", "how": "stop", "reason": {"crash": "lost"}}]
        return []

    def _branch(self) -> _Branch:
        return self.chance.choice(self.branches)

    def _leaf(self, branch: _Branch) -> str | None:
        """Pick a worker of a supervisor, running or not."""
        below = {other.path for other in self.branches}
        leaves = [f"{branch.path}/{one}" for one in branch.ids]
        leaves = [leaf for leaf in leaves if leaf not in below]
        return self.chance.choice(leaves) if leaves else None

    def _exit(self) -> list[Json]:
        leaf = self._leaf(self._branch())
        return [self._end(leaf)] if leaf else []

    def _end(self, path: str) -> Json:
        chance, crash = self.chance, {"crash": self.growth.word()}
        if any(path in branch.endless for branch in self.branches):
            return {"do": "exit", "path": path, "how": "signal", "reason": "kill"}
        how = chance.choices(("stop", "raise", "signal"), (5, 3, 3))[0]
        choices: dict[str, list[Value]] = {
            "stop": ["normal", "normal", "shutdown", {"shutdown": "done"}, crash, crash],
            "raise": [crash],
            "signal": ["kill"] * 6 + ["normal", "shutdown", crash],
        }
        return {"do": "exit", "path": path, "how": how, "reason": chance.choice(choices[how])}

    def _stop(self) -> list[Json]:
        branch = self._branch()
        reason = self.chance.choice(["normal", {"shutdown": "asked"}, {"crash": "asked"}])
        return [{"do": "stop", "to": branch.path, "reason": reason}]

    def _kill_branch(self) -> list[Json]:
        branch = self.chance.choice(self.branches[1:])
        below = [one for one in self.branches if f"{one.path}/".startswith(f"{branch.path}/")]
        if any(one.endless or one.slow for one in below):
            return []
        return [{"do": "exit", "path": branch.path, "how": "signal", "reason": "kill"}]

    def _burst(self) -> list[Json]:
        """Let ends and requests pile up at one supervisor, rarely at two."""
        held = self.chance.sample(self.branches, k=min(len(self.branches), self._several()))
        items: list[Json] = []
        for branch in held:
            leaves = {self._leaf(branch) for _ in range(self.chance.randint(1, 3))}
            items += [self._end(leaf) for leaf in sorted(filter(None, leaves))]
            if items and self.chance.random() < 0.3:
                items.insert(self.chance.randrange(len(items) + 1), self._asked(branch))
        paths = [branch.path for branch in held]
        return [{"do": "burst", "hold": paths, "items": items}] if items else []

    def _several(self) -> int:
        return 2 if self.chance.random() < 0.12 else 1

    def _wait(self) -> list[Json]:
        """Let the restart window pass, at most twice: it takes real time."""
        self.waits += 1
        return [{"do": "wait", "ms": _PAST_THE_WINDOW_MS}] if self.waits <= 2 else []

    def _asked(self, branch: _Branch) -> Json:
        self.tags += 1
        request = self._request(branch)
        if request["op"] == "which_children":  # who asks would look at the handles too late
            request["op"] = "count_children"
        return request | {"async": True, "tag": f"r{self.tags}", "quiet": False}

    def _busy(self) -> list[Json]:
        """Let requests and an end wait for a slow init."""
        branch = self._branch()
        if branch.dynamic:
            return []
        leaf = self._leaf(branch)
        slow: Json = {"id": self._new(), "probe": {"init": [{"delay": 200}]}}
        self.tags += 1
        start: Json = {"do": "api", "op": "start_child", "sup": branch.path, "child": slow}
        steps = [
            start | {"async": True, "tag": f"r{self.tags}", "quiet": False},
            {"do": "wait", "ms": 100, "quiet": False},
            self._asked(branch),
        ]
        branch.knows(slow["id"], slow["probe"])
        ends = [self._end(leaf) | {"quiet": False}] if leaf else []
        return [*steps, *ends, {"do": "settle"}]

    def _api(self) -> list[Json]:
        return [self._request(self._branch())]

    def _request(self, branch: _Branch) -> Json:
        ask: Json = {"do": "api", "sup": branch.path}
        if branch.dynamic:
            return ask | self._of_dynamic(branch)
        ops = {
            "terminate_child": 5,
            "restart_child": 4,
            "delete_child": 3,
            "start_child": 4,
            "get_childspec": 1,
            "count_children": 1,
            "which_children": 1,
        }
        op = self.chance.choices(list(ops), list(ops.values()))[0]
        if op == "start_child":
            return ask | {"op": op, "child": self._child(branch)}
        if op in ("count_children", "which_children"):
            return ask | {"op": op}
        known = self.chance.random() < 0.95 and branch.ids
        return ask | {"op": op, "id": self.chance.choice(branch.ids) if known else "nobody"}

    def _child(self, branch: _Branch) -> Json:
        if branch.ids and self.chance.random() < 0.25:
            return {"id": self.chance.choice(branch.ids)}
        if self.chance.random() < 0.1:
            return self._wrong()
        child = self.growth.worker(self._new(), branch.auto)
        branch.knows(child["id"], child.get("probe", {}))
        return child

    def _wrong(self) -> Json:
        wrong: list[Json] = [
            {"shutdown": -1},
            {"restart": "sometimes"},
            {"type": "boss"},
            {"no_start": True},
            {"restart": "permanent", "significant": True},
        ]
        return {"id": "wrong"} | self.chance.choice(wrong)

    def _new(self) -> str:
        self.added += 1
        return f"n{self.added}"

    def _fill(self, branch: _Branch) -> list[Json]:
        starts = range(self.chance.randint(0, 3))
        return [{"do": "api", "sup": branch.path} | self._start_dynamic(branch) for _ in starts]

    def _of_dynamic(self, branch: _Branch) -> Json:
        roll = self.chance.random()
        if roll < 0.5 or not branch.ids:
            return self._start_dynamic(branch)
        if roll < 0.75:
            handle = f"{branch.path}/{self.chance.choice(branch.ids)}"
            return {"op": "terminate_child", "by_handle": handle}
        if roll < 0.8:
            op = self.chance.choice(("terminate_child", "restart_child", "delete_child"))
            return {"op": op, "id": self.chance.choice(branch.ids)}
        return {"op": self.chance.choice(("count_children", "which_children"))}

    def _start_dynamic(self, branch: _Branch) -> Json:
        self.added += 1
        label, probe = f"x{self.added}", {}
        if self.chance.random() < 0.4:
            probe = self.growth.probe(branch.node["template"].get("shutdown"), dynamic=True)
        branch.knows(label, probe)
        start: Json = {"op": "start_child", "label": label}
        return start | ({"probe": probe} if probe else {})
