"""Crash reports: what they hold, when there is one, and that they stay small."""

from __future__ import annotations

import dataclasses

from supervisors.events import ChildTerminated, ProcessCrashed
from supervisors.exits import KILLED, Crash
from supervisors.spec import Budget, Restart
from supervisors.supervisor import supervisor
from tests.support.actors import Fail, Say, Stage
from tests.support.script import DoLater, Text, body_of, nap, world
from tests.support.tree import Boom, grown, quiet, virtual_time


def fail() -> None:
    """Raise in a handler."""
    raise Boom("broken")


@virtual_time
async def test_otp_269_a_crash_report_tells_all_about_the_process() -> None:
    """Kind, identity, names, reason, kin, queue, links, neighbours, trap flag, last message."""
    async with world() as w:
        parent, friend = await w.plain("parent"), await w.actor("friend")
        actor = await w.linked(parent.process, "actor", registered_name="desk")
        body_of(actor).link(friend)
        actor.process.label = "busy"
        actor.cast(DoLater(fail))
        actor.cast(Text("waits"))
        await actor.process.join()
        (report,) = w.reports.of(ProcessCrashed, "actor")
        assert report.initial_call == "Scripted"
        assert (report.generation, report.label, report.names) == (1, "busy", ("desk",))
        assert isinstance(report.reason, Crash)
        assert report.reason.exception.__traceback__ is not None
        assert report.ancestors == ("parent",)
        assert report.links == ("parent", "friend")
        assert report.neighbours == ("parent",)
        assert report.traps
        assert report.queue == 1
        assert "waits" in report.messages[0]
        assert "fail" in report.last_message


@virtual_time
async def test_otp_270_one_crash_gives_one_crash_report_and_one_supervisor_report() -> None:
    """With the same path, generation and reason; none for the levels above."""
    stage = Stage()
    outer = supervisor("outer", [stage.actor()], budget=Budget(intensity=100))
    async with grown(supervisor("root", [outer])) as tree:
        request = stage.ref.send_request(Fail(Boom()))
        await quiet()
        assert not request.is_done or tree.root.is_alive
        (crash,) = tree.reports.of(ProcessCrashed)
        (ended,) = tree.reports.of(ChildTerminated)
        assert (crash.path, crash.generation, crash.reason) == (
            ended.path,
            ended.generation,
            ended.reason,
        )


@virtual_time
async def test_otp_271_a_supervisor_report_names_child_reason_and_rule() -> None:
    """Path, generation, restart type, start call, limit, kind and significance."""
    stage = Stage(restart=Restart.TRANSIENT, shutdown=3.0)
    async with grown(stage.spec()) as tree:
        stage.ref.send_request(Fail(Boom()))
        await quiet()
        (report,) = tree.reports.of(ChildTerminated)
        assert (report.path, report.generation) == ("echo", 1)
        assert report.restart is Restart.TRANSIENT
        offender = report.child
        assert offender is not None
        assert (offender.id, offender.kind, offender.shutdown) == ("echo", "actor", 3.0)
        assert (offender.significant, offender.call) == (False, "Sized")


@virtual_time
async def test_otp_272_a_kill_from_outside_is_no_crash_of_its_own() -> None:
    """It has a supervisor report only."""
    stage = Stage()
    async with grown(stage.spec()) as tree:
        await stage.ref.call(Say("hello"))
        tree.sup().slots()[0].process.kill()
        await quiet()
        assert not tree.reports.of(ProcessCrashed)
        assert [event.reason for event in tree.reports.of(ChildTerminated)] == [KILLED]


@virtual_time
async def test_otp_273_reports_stay_small() -> None:
    """With a hundred thousand messages, some of them large, and a large state."""
    async with world() as w:
        actor = await w.actor(value="x" * 1_000_000)
        actor.process.handle.mailbox.capacity = 200_000
        actor.cast(DoLater(nap(1)))
        actor.cast(DoLater(fail))
        for _ in range(100_000):
            actor.cast(Text("y" * 10_000))
        await actor.process.join()
        (report,) = w.reports.of(ProcessCrashed)
        assert report.queue == 100_000
        assert len(repr(dataclasses.asdict(report))) < 64_000
