"""The routes that look: what they tell, and that they change nothing."""

from __future__ import annotations

from typing import Any

import trio

from actors.recorder.actor import RecorderActor
from supervisors.snapshot import find
from tests.support.farm import Farm, good, refused

QUEUE = "orchestration/queue_manager"


def at(root: dict[str, Any], path: str) -> dict[str, Any]:
    """Return the node at a path."""
    nodes = [root]
    while nodes:
        node = nodes.pop()
        if node["path"] == path:
            return node
        nodes += node["children"]
    raise AssertionError(path)


async def test_the_tree_tells_strategy_budget_work_and_why(farm: Farm) -> None:
    """Of supervisors and of actors; a restart with its reason and how long ago."""
    await farm.assigned()
    farm.kill(QUEUE)
    await farm.restarted(QUEUE, 1)
    await farm.submit()
    root = good(await farm.get("/debug/tree"))
    assert root["facts"]["strategy"] == "one_for_one"
    assert at(root, "orchestration")["facts"]["budget"] == "19 of 20 left in 10 s"
    queue = at(root, QUEUE)
    assert (queue["generation"], queue["restarts"], queue["zombie"]) == (2, 1, False)
    assert queue["why"] == ["it ended (killed)"]
    assert 0 <= queue["ago"][0] < 60
    assert int(queue["facts"]["handled"]) >= 1
    assert queue["facts"]["p50/p99"].count("/") == 1
    assert queue["facts"]["mailbox"] == "0"


async def test_statements_in_flight_are_leaves_below_repo(farm: Farm) -> None:
    """With their text in one line and their age."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(farm.parts.db.fetch, "select\n  pg_sleep(30)")
        leaves: list[dict[str, Any]] = []
        while not leaves:
            repo = at(good(await farm.get("/debug/tree")), "repo")
            leaves = [one for one in repo["children"] if "pg_sleep" in one["facts"]["statement"]]
        nursery.cancel_scope.cancel()
    (leaf,) = leaves
    assert leaf["facts"]["statement"] == "select pg_sleep(30)"
    assert (leaf["kind"], leaf["state"]) == ("query", "running")
    assert leaf["facts"]["age"].endswith("s")


async def test_the_stack_of_one_process_is_in_the_tree_when_asked(farm: Farm) -> None:
    """Own files by their path in the repository; an unknown path is refused."""
    root = good(await farm.get(f"/debug/tree?stack={QUEUE}"))
    assert "actors/kernel/actor.py:" in at(root, QUEUE)["facts"]["stack"]
    assert "stack" not in at(root, "orchestration/recorder")["facts"]
    assert refused(await farm.get("/debug/tree?stack=nobody")) == (404, "No process at nobody")


async def test_a_stuck_process_is_shown_as_such_and_blocks_nobody(farm: Farm) -> None:
    """Its neighbours answer; asked for its state it is refused, and its stack tells where it is."""
    held = trio.Event()
    process = find(farm.root, "orchestration/recorder")
    assert process is not None
    actor = process.handle
    assert isinstance(actor, RecorderActor)

    async def stick(_message: object) -> None:
        await held.wait()

    actor.handle_info = stick  # type: ignore[method-assign]
    actor.mailbox.put("anything", None, "info")
    root = good(await farm.get("/debug/tree?ask=0.2"))
    assert at(root, "orchestration/recorder")["facts"]["answers"] == "not within 0.2s"
    for path in (QUEUE, "orchestration", "pubsub", ""):
        assert at(root, path)["facts"]["answers"] == "yes"
    status, text = refused(await farm.get("/debug/state?path=orchestration/recorder&ask=0.2"))
    assert status == 503
    assert "look at its stack" in text
    about = good(await farm.get("/debug/process?path=orchestration/recorder"))
    assert any("stick" in line for line in about["stack"])
    held.set()
    good(await farm.get("/debug/state?path=orchestration/recorder"))


async def test_a_process_is_described_without_being_asked(farm: Farm) -> None:
    """Identity, ties, place, work; the root by its name."""
    one = good(await farm.get(f"/debug/process?path={QUEUE}"))
    assert one["ancestors"] == ["orchestration", "root"]
    assert one["links"] == ["orchestration"]
    assert one["initial_call"] == "QueueManagerActor"
    assert one["traps_exits"] is True
    assert one["memory"] > 0
    assert good(await farm.get("/debug/process?path=root"))["path"] == "root"
    assert good(await farm.get("/debug/process?path=drain"))["takes_system_messages"] is False


async def test_the_state_of_an_actor_is_shown_without_secrets(farm: Farm) -> None:
    """A worker that waits is seen; the key, tokens and passwords are not."""
    worker_id = await farm.register()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(farm.poll, worker_id, 20)
        text = ""
        while worker_id not in text:
            text = (await farm.get(f"/debug/state?path={QUEUE}")).text
        assert farm.api_key not in text
        await farm.submit()
    assert refused(await farm.get("/debug/state?path=drain"))[0] == 409
    assert refused(await farm.get("/debug/state"))[0] == 400
    assert refused(await farm.get("/debug/state?path=nobody"))[0] == 404


async def test_processes_are_listed_by_size_and_work(farm: Farm) -> None:
    """Sorted, filtered, limited; two looks give a rate; a wrong order is refused."""
    for _ in range(3):
        await farm.submit()
    rows = good(await farm.get("/debug/processes?sort=handled&limit=2"))["processes"]
    assert len(rows) == 2
    assert rows[0]["handled"] >= rows[1]["handled"] >= 0
    rows = good(await farm.get("/debug/processes?sort=path&within=orchestration/"))["processes"]
    paths = [row["path"] for row in rows]
    assert QUEUE in paths
    assert paths == sorted(paths)
    rows = good(await farm.get("/debug/processes?sort=rate&over=0.01"))["processes"]
    assert all(row["rate"] >= 0 for row in rows)
    assert refused(await farm.get("/debug/processes?sort=colour"))[0] == 400


async def test_the_system_is_told_in_numbers(farm: Farm) -> None:
    """Against their limits; the lag of the loop by its percentiles."""
    system = good(await farm.get("/debug/system"))
    assert system["memory_mib"] > 0
    assert 0 < system["descriptors"] < system["descriptors_limit"]
    assert system["processes"] == len(farm.root.runtime.processes)
    assert set(system["loop_lag_ms"]) == {"p50", "p99", "worst", "worst_by_ten_seconds"}
    assert system["node"] == farm.parts.node


async def test_odd_numbers_are_read_as_the_default_or_the_limit(farm: Farm) -> None:
    """Never a 500."""
    for text in ("nan", "inf", "-1", "x", "1e999", ""):
        assert (await farm.get(f"/debug/processes?limit={text}")).status_code == 200
        if text not in {"inf", "1e999"}:
            assert (await farm.get(f"/debug/tree?ask={text}")).status_code == 200


async def test_looking_changes_nothing(farm: Farm) -> None:
    """No message is handled, nothing is left switched on, no process restarted."""
    await farm.submit()
    process = find(farm.root, QUEUE)
    assert process is not None
    actor: Any = process.handle
    before = actor.handled
    for path in (
        "tree?ask=1",
        f"tree?stack={QUEUE}",
        f"process?path={QUEUE}",
        f"state?path={QUEUE}",
    ):
        good(await farm.get(f"/debug/{path}"))
    assert (actor.handled, actor.debug, actor.suspended) == (before, None, False)
    assert find(farm.root, QUEUE) is process
