"""The picture of a running tree: nodes, states, facts, text, and finding a process by path."""

from __future__ import annotations

from collections.abc import Mapping

import trio

from supervisors.dynamic import dynamic_supervisor
from supervisors.process import Process
from supervisors.snapshot import Node, draw, find, picture
from supervisors.spec import Budget, ChildSpec, Restart, Strategy
from supervisors.supervisor import supervisor
from tests.support.tree import Probe, grown, quiet, virtual_time


class Factual:
    """A handle with a fact of its own."""

    def describe(self) -> Mapping[str, object]:
        """Return it."""
        return {"mailbox": 3}


async def factual(process: Process) -> None:
    """Be a child with facts."""
    process.started(Factual())
    await trio.sleep_forever()


def by_path(root: Node) -> dict[str, Node]:
    """Return all nodes by path."""
    return {node.path: node for node in root.walk()}


@virtual_time
async def test_picture_shows_every_node_with_state_and_reasons() -> None:
    """Running, idle and restarted children, in start order, parents first."""
    a, idle = Probe("a", []), Probe("idle", [], "ignore")
    inner = supervisor(
        "inner",
        [a.spec(), idle.spec(restart=Restart.TRANSIENT)],
        strategy=Strategy.REST_FOR_ONE,
        budget=Budget(intensity=4, period=9),
    )
    spec = supervisor("root", [inner, dynamic_supervisor("pool")])
    async with grown(spec) as tree:
        a.crash()
        await quiet()
        await trio.sleep(2)
        nodes = by_path(picture(tree.root))
        assert list(nodes) == ["", "inner", "inner/a", "inner/idle", "pool"]
        assert (nodes[""].kind, nodes["inner"].kind, nodes["inner/a"].kind) == (
            *["supervisor", "supervisor"],
            "actor",
        )
        one = nodes["inner/a"]
        assert (one.state, one.generation, one.restarts, one.uptime) == ("running", 2, 1, 2.0)
        assert one.why == ("it ended (crash: Boom: a)",)
        assert nodes["inner"].facts == {
            "strategy": "rest_for_one",
            "budget": "3 of 4 left in 9 s",
        }


@virtual_time
async def test_group_restart_tells_every_sibling_why() -> None:
    """Those who came along name the one that failed."""
    a, b = Probe("a", []), Probe("b", [])
    spec = supervisor("root", [a.spec(), b.spec()], strategy=Strategy.ONE_FOR_ALL)
    async with grown(spec) as tree:
        a.crash()
        await quiet()
        nodes = by_path(picture(tree.root))
        assert nodes["b"].why == ("one_for_all: a ended (crash: Boom: a)",)


@virtual_time
async def test_child_that_starts_is_shown_and_blocks_nobody() -> None:
    """The picture is taken without asking any child."""
    slow = Probe("slow", [], "ok", 5.0)
    async with grown(supervisor("root", [slow.spec()])) as tree:
        slow.crash()
        await quiet()
        assert by_path(picture(tree.root))["slow"].state == "starting"


@virtual_time
async def test_draw_is_one_line_a_node() -> None:
    """Ids, states, restarts and facts, with the branches of a tree."""
    a = Probe("a", [])
    inner = supervisor("inner", [ChildSpec(id="f", start=factual)])
    async with grown(supervisor("root", [inner, a.spec()])) as tree:
        a.crash()
        await quiet()
        assert draw(picture(tree.root)).splitlines() == [
            "root  running  strategy=one_for_one budget=0 of 1 left in 5 s",
            "├─ inner  running  strategy=one_for_one budget=1 of 1 left in 5 s",
            "│  └─ f  running  mailbox=3",
            "└─ a  running restarted 1x (0s ago: it ended (crash: Boom: a))",
        ]


@virtual_time
async def test_find_leads_to_live_processes_only() -> None:
    """By path; "" is the root; idle, unknown and ended ones are None."""
    a, idle = Probe("a", []), Probe("idle", [], "ignore")
    inner = supervisor("inner", [a.spec(), idle.spec()])
    async with grown(supervisor("root", [inner])) as tree:
        root = tree.root
        assert find(root, "") is root
        assert find(root, "inner/a") is a.life
        assert find(root, "inner/idle") is None
        assert find(root, "inner/nobody") is None
        assert find(root, "inner/a/below") is None
        await tree.stop()
        assert find(root, "") is None
        assert find(root, "inner") is None
        assert picture(root).state == "ended"
