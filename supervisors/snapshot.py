"""A read-only picture of a running tree, taken in one tick, for people, tests and the API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import trio

from supervisors.loop import SupervisorLoop
from supervisors.process import Process
from supervisors.slot import Slot
from supervisors.spec import ChildKind


@runtime_checkable
class Describes(Protocol):
    """A child handle that adds facts of its own to the picture."""

    def describe(self) -> Mapping[str, object]:
        """Return small, printable facts; must not wait and holds no secret."""
        ...


@dataclass(frozen=True, slots=True)
class Node:
    """One supervisor or actor; `path` "" is the root, `uptime` is in seconds.

    `why` says why it was started again, `ago` how many seconds ago, the last ones, oldest first.
    `zombie`: a former life was killed and has not ended.
    """

    path: str
    id: str
    kind: str
    state: str
    restart: str
    generation: int
    restarts: int
    uptime: float | None
    why: tuple[str, ...]
    ago: tuple[float, ...]
    zombie: bool
    facts: Mapping[str, object]
    children: tuple[Node, ...]

    def walk(self) -> Iterator[Node]:
        """Yield this node and all below, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


def picture(root: Process) -> Node:
    """Draw the tree below `root`."""
    slotless = _facts(root)
    state = _state("running" if root.is_alive else "ended", root)
    return Node(
        path=root.path,
        id="root",
        kind=ChildKind.SUPERVISOR.value,
        state=state,
        restart="permanent",
        generation=root.generation,
        restarts=0,
        uptime=_uptime(root),
        why=(),
        ago=(),
        zombie=False,
        facts=slotless,
        children=_children(root),
    )


def find(root: Process, path: str) -> Process | None:
    """Return the live process at `path` ("" is the root)."""
    process: Process | None = root if root.is_alive else None
    for part in path.split("/") if path else []:
        handle = process.handle if process is not None else None
        if not isinstance(handle, SupervisorLoop):
            return None
        process = next((slot.alive for slot in handle.slots() if slot.spec.name == part), None)
    return process


def draw(node: Node) -> str:
    """Print the tree as text, one line a node."""
    return "\n".join(_lines(node, "", ""))


def _lines(node: Node, lead: str, below: str) -> Iterator[str]:
    facts = " ".join(f"{key}={value}" for key, value in node.facts.items())
    zombie = " ZOMBIE" if node.zombie else ""
    yield f"{lead}{node.id}  {node.state}{zombie}{_restarted(node)}  {facts}".rstrip()
    for child in node.children:
        last = child is node.children[-1]
        yield from _lines(
            child, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  ")
        )


def _state(state: str, process: Process | None) -> str:
    held = process is not None and getattr(process.handle, "suspended", False)
    return "suspended" if held and state == "running" else state


def _restarted(node: Node) -> str:
    if not node.restarts:
        return ""
    last = f" ({node.ago[-1]:.0f}s ago: {node.why[-1]})" if node.why else ""
    return f" restarted {node.restarts}x{last}"


def _node(slot: Slot, path: str) -> Node:
    process = slot.alive
    return Node(
        path=path,
        id=slot.spec.name,
        kind=slot.spec.kind.value,
        state=_state(slot.state, process),
        restart=slot.spec.restart.value,
        generation=slot.generation,
        restarts=slot.restarts,
        uptime=_uptime(process) if process else None,
        why=tuple(entry.why for entry in slot.history),
        ago=tuple(trio.current_time() - entry.at for entry in slot.history),
        zombie=slot.zombie is not None and slot.zombie.is_alive,
        facts=_facts(process) if process else {},
        children=_children(process) if process else (),
    )


def _children(process: Process) -> tuple[Node, ...]:
    handle = process.handle
    if not isinstance(handle, SupervisorLoop):
        return ()
    return tuple(_node(slot, handle.child_path(slot.spec.id)) for slot in handle.slots())


def _facts(process: Process) -> Mapping[str, object]:
    handle = process.handle
    if isinstance(handle, SupervisorLoop):
        budget = handle.window.budget
        left = handle.window.left(trio.current_time())
        return {
            "strategy": handle.strategy.value,
            "budget": f"{left} of {budget.intensity} left in {budget.period:g} s",
        }
    return handle.describe() if isinstance(handle, Describes) else {}


def _uptime(process: Process) -> float | None:
    return None if process.started_at is None else trio.current_time() - process.started_at
