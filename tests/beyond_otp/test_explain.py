"""Why a child runs anew and how a tree ended, in words; orphans; who is up."""

from __future__ import annotations

import trio

from supervisors.backoff import Backoff
from supervisors.dynamic import dynamic_supervisor
from supervisors.exits import KILLED
from supervisors.explain import explain
from supervisors.farewell import explain_shutdown, stopped_of
from supervisors.freeze import freeze
from supervisors.process import Process, Runtime
from supervisors.readiness import Readiness, missing
from supervisors.root import run_tree
from supervisors.runtime import no_report
from supervisors.spec import AutoShutdown, Budget, Flags, Restart, Strategy
from supervisors.supervisor import supervisor, supervisor_by
from tests.support.tree import Probe, grown, quiet, virtual_time


@virtual_time
async def test_a_restart_is_explained_by_the_sibling_that_triggered_it() -> None:
    """With when, how often, and what is left of the budget."""
    pool, user = Probe("pool", []), Probe("user", [])
    spec = supervisor(
        "root",
        [pool.spec(), user.spec()],
        strategy=Strategy.REST_FOR_ONE,
        budget=Budget(intensity=3),
    )
    async with grown(spec) as tree:
        assert explain(tree.root, "user") == "user was not started again"
        pool.crash()
        await trio.sleep(2)
        assert explain(tree.root, "user") == (
            "user: started again 2 s ago, 1x in all, as rest_for_one: pool ended"
            " (crash: Boom: pool); 2 of 3 restarts left"
        )


@virtual_time
async def test_a_restart_is_explained_up_to_the_supervisor_that_gave_up_and_why_it_did() -> None:
    """The child is new as its supervisor is, which is new as another child ended too often."""
    bad, good = Probe("bad", []), Probe("good", [])
    part = supervisor("part", [bad.spec(), good.spec()], budget=Budget(intensity=0))
    async with grown(supervisor("root", [part])) as tree:
        bad.crash()
        await quiet()
        assert explain(tree.root, "part/good") == (
            "part: started again 0 s ago, 1x in all, as it ended (shutdown: part/bad ended"
            " once too often (crash: Boom: bad)); 0 of 0 restarts left"
        )


@virtual_time
async def test_a_shutdown_is_explained_in_order_with_times_and_kills() -> None:
    """Only what ended with the tree is in it."""
    slow, deaf = Probe("slow", [], stop=2.0), Probe("deaf", [], stop="deaf")
    part = supervisor("part", [slow.spec(), deaf.spec(shutdown=1.0)])
    async with grown(supervisor("root", [Probe("first", []).spec(), part])) as tree:
        assert not list(explain_shutdown(tree.root))
        slow.crash()
        await quiet()
        await tree.stop()
        assert list(explain_shutdown(tree.root)) == [
            "4 children stopped in 3.000 s, 1 of them killed",
            "part/deaf in 1.000 s (killed), had to be killed",
            "part/slow in 2.000 s (shutdown)",
            "part in 3.000 s (shutdown)",
            "first in 0.000 s (shutdown)",
        ]
        assert [one.path for one in stopped_of(tree.root) if one.killed] == ["part/deaf"]


@virtual_time
async def test_an_orphan_that_does_not_stop_is_killed_at_the_limit_of_its_spec() -> None:
    """Nobody above it is left to see to that, and the root may run for years."""
    deaf = Probe("deaf", [], stop="deaf")
    part = supervisor("part", [deaf.spec(shutdown=2.0)])
    async with grown(supervisor("root", [part])) as tree:
        orphan, above = deaf.life, tree.sup("part").process
        assert above is not None
        above.kill()
        await trio.sleep(1.9)
        assert orphan.is_alive
        await trio.sleep(0.2)
        assert orphan.exit == KILLED
        assert deaf.life.is_alive


@virtual_time
async def test_others_wait_until_named_children_are_up_at_the_same_time() -> None:
    """At boot, and after a restart; a child is up when it says so."""
    early, late = Probe("early", [], 1.0), Probe("late", [], 2.0)
    ready = Readiness(no_report)
    spec = supervisor("root", [supervisor("part", [early.spec(), late.spec()])])
    async with trio.open_nursery() as nursery:
        runtime = Runtime(ready)
        root: Process = await nursery.start(run_tree, spec, runtime)
        late.script.append(5.0)
        late.life.kill()
        await quiet()
        assert missing(root, "part", "part/late", "nobody") == ["part/late", "nobody"]
        await ready.up(root, "part/early", "part/late")
        assert trio.current_time() == 8.0
        nursery.cancel_scope.cancel()


def test_a_frozen_tree_shows_how_it_fails() -> None:
    """Order, strategies, budgets, limits: one line a child, nothing that runs."""
    leaf = Probe("leaf", []).spec(
        restart=Restart.TRANSIENT, significant=True, backoff=Backoff(first=1, longest=8)
    )
    flags = Flags(children=[leaf], auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
    spec = supervisor("root", [supervisor_by("part", flags), dynamic_supervisor("pool")])
    assert freeze(spec).splitlines() == [
        "root  one_for_one, 1 restarts in 5 s, auto_shutdown never, permanent, stop in inf s",
        (
            "  part  one_for_one, 1 restarts in 5 s, auto_shutdown any_significant, permanent,"
            " stop in inf s"
        ),
        "    leaf  transient, stop in 5 s, significant, backoff 1 to 8 s",
        "  pool  children on demand, permanent, stop in inf s",
    ]
