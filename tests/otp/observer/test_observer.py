"""Group U: what an observer sees of a live tree, and that seeing it changes nothing."""

from __future__ import annotations

from typing import Any

import trio

from actors.watchdog.pulse import Pulse
from api.debug.about import about
from api.debug.figures import list_processes, system_figures
from api.debug.live import Wanted, follow
from api.debug.picture import shape, with_answers
from api.debug.stack import current_function, stack_of
from api.debug.window import Window
from supervisors.snapshot import find, picture
from supervisors.spec import ChildSpec
from supervisors.supervisor import supervisor
from tests.support.actors import Note, Say, Stage
from tests.support.farm import Farm, good, refused
from tests.support.tree import Probe, Tree, grown, quiet, virtual_time


def tree_of(stage: Stage, *others: ChildSpec) -> ChildSpec:
    """Return a root over a supervisor over the actor."""
    return supervisor("root", [supervisor("inner", [stage.actor()]), *others])


def tree_below(name: str, stage: Stage) -> ChildSpec:
    """Return a supervisor of this name over an actor."""
    return supervisor(name, [stage.actor()])


def process_at(tree: Tree, path: str) -> Any:
    """Return the living process at a path."""
    process = find(tree.root, path)
    assert process is not None
    return process


@virtual_time
async def test_otp_279_the_tree_is_walked_and_a_silent_node_is_marked_and_blocks_nobody() -> None:
    """Type, identity, name and state of each; the others answer within the limit."""
    stage, free = Stage(), Stage()
    spec = supervisor("root", [tree_below("busy", stage), tree_below("free", free)])
    async with grown(spec) as tree, trio.open_nursery() as nursery:
        nursery.start_soon(lambda: stage.ref.call(Say("slow", 100.0), timeout=200.0))
        await quiet()
        began = trio.current_time()
        seen = await with_answers(tree.root, picture(tree.root), 1.0)
        assert trio.current_time() - began == 1.0
        nodes = {node.path: node for node in seen.walk()}
        assert list(nodes) == ["", "busy", "busy/echo", "free", "free/echo"]
        assert nodes["busy/echo"].facts["answers"] == "not within 1s"
        for path in ("", "busy", "free", "free/echo"):
            assert nodes[path].facts["answers"] == "yes", path
        assert [node.kind for node in nodes.values()].count("supervisor") == 3
        assert {node.state for node in nodes.values()} == {"running"}
        nursery.cancel_scope.cancel()


@virtual_time
async def test_otp_279_a_suspended_node_is_shown_as_such() -> None:
    """It answers the question, and its state says that it does nothing else."""
    stage = Stage()
    async with grown(tree_of(stage)) as tree:
        process_at(tree, "inner/echo").handle.suspended = True
        seen = await with_answers(tree.root, picture(tree.root), 1.0)
        node = next(one for one in seen.walk() if one.id == "echo")
        assert (node.state, node.facts["answers"]) == ("suspended", "yes")


@virtual_time
async def test_otp_280_a_process_tells_who_it_is_without_being_asked() -> None:
    """Name, label, initial call, current function, mailbox, ties, flag, memory, work."""
    stage = Stage()
    async with grown(tree_of(stage)) as tree:
        process = process_at(tree, "inner/echo")
        process.label = "the one that echoes"
        process.runtime.names.register("echo", process)
        process.watch("somebody", lambda _: None)
        await stage.ref.call(Say("a"))
        stage.ref.cast(Note("b"))
        one = about(process)
    assert one["names"] == ["echo"]
    assert one["label"] == "the one that echoes"
    assert one["initial_call"] == "Sized"
    assert one["current_function"]
    assert (one["facts"]["mailbox"], one["facts"]["handled"]) == ("1", "1")
    assert one["links"] == ["inner"]
    assert one["monitored_by"] == 1
    assert one["ancestors"] == ["inner", "root"]
    assert one["traps_exits"] is True
    assert one["memory"] > 0


@virtual_time
async def test_otp_281_processes_are_sorted_and_filtered_and_two_looks_give_a_rate() -> None:
    """By work, by mailbox, by age; at most so many."""
    stage, other = Stage(), Probe("other", [])
    async with grown(tree_of(stage, other.spec())) as tree:
        for number in range(5):
            await stage.ref.call(Say(str(number)))
        rows = await list_processes(tree.root, "handled", 1)
        assert [(row["path"], row["handled"]) for row in rows] == [("inner/echo", 5)]
        for number in range(3):
            stage.ref.cast(Note(str(number)))
        rows = await list_processes(tree.root, "mailbox", 10, within="echo")
        assert [(row["path"], row["mailbox"]) for row in rows] == [("inner/echo", 3)]
        rows = await list_processes(tree.root, "rate", 10, over=1.0)
        assert rows[0]["path"] == "inner/echo"
        assert rows[0]["rate"] > 0
        assert len(rows) == 4


@virtual_time
async def test_otp_282_the_stack_of_a_waiting_process_is_that_of_its_task() -> None:
    """The innermost frame of ours first found; tasks it has started are below."""

    async def child_of_it() -> None:
        await trio.sleep_forever()

    async def body(process: Any) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child_of_it)
            process.started()
            await trio.sleep_forever()

    async with grown(supervisor("root", [ChildSpec(id="a", start=body)])) as tree:
        await quiet()
        lines = stack_of(process_at(tree, "a"))
        assert any("body" in line and "test_observer.py" in line for line in lines)
        assert any(line.startswith("  ") and "child_of_it" in line for line in lines)
        assert "body" in current_function(process_at(tree, "a"))


async def test_otp_283_acts_on_a_node_are_refused_where_they_are_not_allowed(farm: Farm) -> None:
    """Kill and trace; off unless allowed on purpose for whoever is not on this machine."""
    body = {"path": "orchestration/recorder", "why": "a test"}
    good(await farm.post("/debug/kill", body))
    for word in ("kill", "trace", "suspend", "resume", "restart"):
        assert refused(await farm.post(f"/debug/{word}", body, x_forwarded_for="1.2.3.4"))[0] == 403


async def test_otp_284_the_system_is_told_with_its_limits_lag_and_a_series() -> None:
    """Uptime, counts against limits, what is runnable, the lag of the loop over time."""
    pulse = Pulse()
    pulse.lags.extend([0.001] * 150 + [0.2])
    async with grown(supervisor("root", [])) as tree:
        system = system_figures(tree.root, pulse)
    assert system["uptime"] >= 0
    assert system["descriptors"] < system["descriptors_limit"]
    assert system["processes"] == 1
    assert system["tasks"] >= 1
    assert system["tasks_runnable"] >= 0
    assert system["loop_lag_ms"]["worst"] == 200
    assert system["loop_lag_ms"]["worst_by_ten_seconds"] == [1, 200]


@virtual_time
async def test_otp_285_events_are_drawn_live_after_the_history_of_the_page() -> None:
    """What came before is kept; what comes is sent as it comes."""
    window = Window()
    window.note("before")
    assert [told.event for told in window.recent] == ["before"]
    got: list[bytes] = []

    async def write(piece: bytes) -> None:
        got.append(piece)

    async with grown(supervisor("root", [])) as tree, trio.open_nursery() as nursery:
        nursery.start_soon(follow, window, lambda: picture(tree.root), Wanted(), write)
        await quiet()
        window.note("after")
        await trio.sleep(1)
        window.close()
    assert [b"told" in piece for piece in got].count(True) == 1
    assert b"after" in b"".join(got)


@virtual_time
async def test_otp_287_observing_changes_nothing_and_nothing_is_on_unless_asked_for() -> None:
    """No message more, no debug function, the same generation and budget; nobody watches."""
    stage = Stage()
    async with grown(tree_of(stage)) as tree:
        await stage.ref.call(Say("a"))
        actor = process_at(tree, "inner/echo").handle
        before = (actor.handled, actor.mailbox.peak, list(stage.journal), len(tree.reports.events))
        for _ in range(100):
            shape(picture(tree.root))
            about(process_at(tree, "inner/echo"))
            await with_answers(tree.root, picture(tree.root), 1.0)
            await list_processes(tree.root, "handled", 10)
        after = (actor.handled, actor.mailbox.peak, list(stage.journal), len(tree.reports.events))
        assert after == before
        assert actor.debug is None
        assert process_at(tree, "inner").handle.debug is None
    assert Window().watching == 0
