"""Who goes down with whom: a task, the process that asked for it, and their supervisor."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from actors.kernel.tasks.job import Job, callers
from actors.kernel.tasks.outcome import Exit, Ok, TaskCrashed, TaskExitError
from supervisors.errors import MaxChildrenError, NoProcError
from supervisors.events import ChildTerminated
from supervisors.exits import KILLED, NORMAL, Crash, ExitReason, Shutdown
from supervisors.process import Process
from supervisors.spec import BRUTAL_KILL, Restart
from tests.otp.tasks.office import deaf, fail, give, opened
from tests.support.tree import Boom, crash_of, quiet, virtual_time


@virtual_time
@pytest.mark.parametrize("start", ["async_nolink", "start_child"])
async def test_otp_232_a_crashed_task_is_reported_and_not_restarted(start: str) -> None:
    """A task is a temporary child."""
    async with opened() as office:
        await office.owner.do(getattr(office.tasks, start), fail, 1)
        await trio.sleep(10)
        assert office.living() == []
        (terminated,) = office.tree.reports.of(ChildTerminated)
        assert terminated.restart is Restart.TEMPORARY
        assert [type(report) for report in office.reports] == [TaskCrashed]
        assert office.owner.life.is_alive


@virtual_time
async def test_otp_233_a_crashed_linked_task_takes_its_owner_along() -> None:
    """With the same reason; who has nothing to do with it lives on."""
    async with opened() as office:
        await office.owner.do(office.tasks.async_, fail, 1)
        crash = crash_of(await office.owner.life.join())
        assert isinstance(crash, Boom)
        assert office.other.life.is_alive
        assert office.tasks.door.current is not None


@virtual_time
async def test_otp_233_an_owner_that_traps_exits_hears_of_the_crash_and_lives() -> None:
    """By the link, and by awaiting."""
    heard: list[Any] = []

    def hear(reason: ExitReason, sender: Process | None) -> bool:
        heard.append((type(reason), sender))
        return True

    async with opened() as office:
        office.owner.life.trap(hear)
        task = await office.owner.do(office.tasks.async_, fail, 1)
        with pytest.raises(TaskExitError):
            await office.owner.do(task.await_)
        assert heard == [(Crash, task.process)]
        assert office.owner.life.is_alive
        office.owner.life.trap(None)


@virtual_time
@pytest.mark.parametrize("how", ["crash", "kill", "shutdown"])
async def test_otp_233_an_owner_that_ends_takes_its_linked_task_along(how: str) -> None:
    """By any end but a normal one."""
    async with opened() as office:
        task = await office.owner.do(office.tasks.async_, give, 1, 100)
        match how:
            case "crash":
                await office.owner.crash()
            case "kill":
                office.owner.life.kill()
            case _:
                await office.owner.leave(Shutdown("why"))
        assert await task.process.join() == await office.owner.life.join()
        assert office.living() == []


@virtual_time
async def test_otp_233_a_normal_end_of_one_is_nothing_to_the_other() -> None:
    """In both directions; and no link is left."""
    async with opened() as office:
        short = await office.owner.do(office.tasks.async_, give, 1)
        long = await office.owner.do(office.tasks.async_, give, 2, 100)
        assert await short.process.join() == NORMAL
        assert office.owner.life.is_alive
        assert long.process in office.owner.life.links
        assert short.process not in office.owner.life.links
        await office.owner.leave(NORMAL)
        await quiet()
        assert long.process.is_alive


@virtual_time
async def test_otp_233_only_a_process_can_be_linked() -> None:
    """Outside of all, the start is refused before it begins."""
    async with opened() as office:
        with pytest.raises(NoProcError):
            await office.tasks.async_(give, 1)
        assert office.living() == []


@virtual_time
async def test_otp_234_the_owner_of_an_unlinked_task_goes_on_after_its_crash() -> None:
    """It hears of it when it awaits; and it may be no process at all."""
    async with opened() as office:
        task = await office.owner.do(office.tasks.async_nolink, fail)
        with pytest.raises(TaskExitError) as caught:
            await office.owner.do(task.await_)
        assert isinstance(crash_of(caught.value.reason), Boom)
        assert isinstance(caught.value.__cause__, Boom)
        assert office.owner.life.is_alive
        free = await office.tasks.async_nolink(give, "free")
        assert await free.await_() == "free"


@virtual_time
async def test_otp_234_an_unlinked_task_outlives_its_owner() -> None:
    """Nobody tells it."""
    async with opened() as office:
        task = await office.owner.do(office.tasks.async_nolink, give, 1, 10)
        await office.owner.crash()
        assert await task.process.join() == NORMAL


@virtual_time
async def test_otp_235_a_started_child_outlives_its_owner_and_owes_no_reply() -> None:
    """Nobody dies with anybody."""
    done = trio.Event()

    async def work() -> None:
        await trio.sleep(10)
        done.set()

    async with opened() as office:
        process = await office.owner.do(office.tasks.start_child, work)
        await office.owner.crash()
        assert await process.join() == NORMAL
        assert done.is_set()
        failing = await office.other.do(office.tasks.start_child, fail)
        assert isinstance(await failing.join(), Crash)
        assert office.other.life.is_alive


@virtual_time
async def test_otp_235_a_started_child_can_be_restarted_and_its_stop_be_chosen() -> None:
    """A transient one works until it ends cleanly, also when its starter is gone."""
    tries: list[float] = []

    async def work() -> None:
        tries.append(trio.current_time())
        await trio.sleep(1)
        if len(tries) < 3:
            raise Boom("again")

    async def start() -> None:
        transient = Restart.TRANSIENT
        await office.tasks.start_child(work, restart=transient, shutdown=BRUTAL_KILL)

    async with opened() as office:
        await office.owner.do(start)
        (slot,) = office.tasks.door.current.slots()
        assert slot.spec.shutdown is BRUTAL_KILL
        await office.owner.leave()
        await trio.sleep(10)
        assert len(tries) == 3
        assert office.living() == []


@virtual_time
async def test_otp_235_a_limit_for_the_stop_is_kept() -> None:
    """After it the task is killed."""

    async def start() -> Any:
        return await office.tasks.start_child(deaf, 3, shutdown=1)

    async with opened() as office:
        process = await office.owner.do(start)
        await quiet()
        await office.tasks.door.current.terminate_child(process)
        assert process.exit == KILLED


@virtual_time
async def test_otp_244_a_task_knows_who_asked_for_it_beside_who_supervises_it() -> None:
    """Through tasks of tasks; the nearest first."""
    seen: list[Any] = []

    async def outer() -> None:
        inner = await office.tasks.async_nolink(look)
        await inner.await_()
        await (await office.tasks.start_child(look)).join()

    async def look() -> None:
        seen.extend(callers())

    async with opened() as office:
        task = await office.owner.do(office.tasks.async_nolink, outer)
        assert await office.owner.do(task.await_) is None
        assert seen == [task.process, office.owner.life] * 2
        assert task.job.callers == (office.owner.life,)
        assert task.process.path.startswith("tasks/")
        assert callers() == ()
        assert task.job.describe()["callers"] == "owner"


@virtual_time
async def test_otp_245_a_full_supervisor_refuses_every_kind_of_start() -> None:
    """At once; a place is free again when a task has ended."""
    async with opened(max_children=1) as office:
        task = await office.owner.do(office.tasks.async_nolink, give, 1, 5)
        for start in ("async_", "async_nolink", "start_child"):
            with pytest.raises(MaxChildrenError):
                await office.owner.do(getattr(office.tasks, start), give, 2)
        assert await office.owner.do(task.await_, 6) == 1
        await quiet()
        assert isinstance(await office.owner.do(office.tasks.async_, give, 3), object)


@virtual_time
async def test_otp_246_a_task_whose_owner_died_before_it_got_its_work_ends_cleanly() -> None:
    """Unworked and unreported, linked or not."""
    worked: list[int] = []

    async def work() -> None:
        worked.append(1)

    async with opened() as office:
        for who, start in ((office.owner, "async_"), (office.other, "async_nolink")):
            who.begin(getattr(office.tasks, start), work)
            await trio.lowlevel.checkpoint()
            who.life.kill()
        await quiet()
        assert office.living() == []
        terminated = [report.path for report in office.tree.reports.of(ChildTerminated)]
        assert (worked, office.reports, terminated) == ([], [], ["owner", "other"])


@virtual_time
async def test_otp_246_a_start_that_was_cut_off_leaves_no_task() -> None:
    """The owner lives on, and did not want it any more."""

    async def impatient() -> None:
        with trio.move_on_after(0):
            await office.tasks.async_(give, 1, 100)

    async with opened() as office:
        await office.owner.do(impatient)
        await quiet()
        assert office.living() == []
        assert office.owner.life.is_alive


@virtual_time
async def test_otp_247_the_report_of_a_crash_names_starter_function_arguments_and_label() -> None:
    """The arguments in brief, so that no report is huge."""
    async with opened() as office:

        async def start() -> Any:
            return await office.tasks.async_nolink(odd, "a" * 100_000, 7, label="odd job")

        task = await office.owner.do(start)
        reason = await task.process.join()
        (report,) = office.reports
        assert report.path == task.process.path
        assert report.starter == "owner"
        assert report.function == "odd"
        assert report.label == "odd job"
        assert report.reason is reason
        assert report.arguments[1] == "7"
        assert len(report.arguments[0]) < 100


async def odd(_text: str, _number: int) -> None:
    """Raise."""
    raise Boom("odd")


@virtual_time
async def test_otp_248_an_ignored_task_goes_on_without_a_link_and_its_reply_is_dropped() -> None:
    """If it is done already, its outcome is returned."""
    async with opened() as office:
        failing = await office.owner.do(office.tasks.async_, fail, 5)
        assert await office.owner.do(failing.ignore) is None
        assert isinstance(await failing.process.join(), Crash)
        assert office.owner.life.is_alive
        done = await office.owner.do(office.tasks.async_, give, 1)
        await done.process.join()
        assert await office.owner.do(done.ignore) == Ok(1)
        dead = await office.owner.do(office.tasks.async_nolink, fail)
        await dead.process.join()
        assert isinstance(await office.owner.do(dead.ignore), Exit)


@virtual_time
async def test_otp_246_work_that_arrives_after_its_owner_is_not_done() -> None:
    """In the moment between the two."""
    worked: list[int] = []

    async def work() -> None:
        worked.append(1)

    async with opened() as office:
        await office.owner.leave()
        job = Job(work, (), "late", office.owner.life)
        job.begin()
        process = Process("late", office.other.life.runtime)
        await process.run(job.run)
        assert isinstance(process.exit, Shutdown)
        assert worked == []
