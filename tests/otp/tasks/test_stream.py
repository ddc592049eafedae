"""Many items through one function: how many at once, in which order, and what is left of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
import trio

from actors.kernel.tasks.outcome import TIMEOUT, Exit, Ok, TaskTimeoutError
from actors.kernel.tasks.stream import OnTimeout, Streaming
from supervisors.errors import MaxChildrenError, NoProcError
from supervisors.events import ChildTerminated
from supervisors.exits import Crash
from tests.otp.tasks.office import Office, deaf, fail, opened
from tests.support.tree import Boom, crash_of, quiet, virtual_time


async def double(seconds: float) -> float:
    """Take so long, and return twice that."""
    await trio.sleep(seconds)
    return 2 * seconds


async def collected(office: Office, function: Any, items: Any, **how: Any) -> list[Any]:
    """Run an unlinked stream to its end, outside of all processes."""
    async with office.tasks.async_stream_nolink(function, items, Streaming(**how)) as outcomes:
        return [outcome async for outcome in outcomes]


@virtual_time
@pytest.mark.parametrize(("most", "seconds"), [(1, 12), (2, 6), (4, 3), (100, 3)])
async def test_otp_241_no_more_run_at_once_than_asked_for(most: int, seconds: float) -> None:
    """And as many do."""
    running, peak = 0, 0

    async def work(_item: int) -> None:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await trio.sleep(3)
        running -= 1

    async with opened() as office:
        began = trio.current_time()
        outcomes = await collected(office, work, range(4), max_concurrency=most)
        assert outcomes == [Ok(None)] * 4
        assert peak == min(most, 4)
        assert trio.current_time() - began == seconds


@virtual_time
async def test_otp_241_outcomes_come_in_the_order_of_the_input() -> None:
    """Unless told otherwise: then in the order of their ends."""
    items = [3, 1, 2]
    async with opened() as office:
        ordered = await collected(office, double, items, max_concurrency=3)
        assert ordered == [Ok(6), Ok(2), Ok(4)]
        unordered = await collected(office, double, items, max_concurrency=3, ordered=False)
        assert unordered == [Ok(2), Ok(4), Ok(6)]


@virtual_time
async def test_otp_241_a_task_over_its_limit_of_five_seconds_ends_the_reader() -> None:
    """By an error; the others are stopped."""
    async with opened() as office:

        async def read() -> None:
            how = Streaming(max_concurrency=2)
            async with office.tasks.async_stream(double, [1, 6, 2, 3], how) as outcomes:
                async for _ in outcomes:
                    pass

        office.owner.begin(read)
        began = trio.current_time()
        crash = crash_of(await office.owner.life.join())
        assert isinstance(crash, TaskTimeoutError)
        assert trio.current_time() - began == 5
        assert office.living() == []


@virtual_time
@pytest.mark.parametrize("ordered", [True, False])
async def test_otp_241_or_it_is_killed_and_stands_as_a_timeout_in_its_place(ordered: bool) -> None:
    """Each has its own limit from its own start; a timeout is no crash."""
    async with opened() as office:
        how = {"timeout": 2, "on_timeout": OnTimeout.KILL_TASK, "max_concurrency": 2}
        outcomes = await collected(office, double, [9, 1, 1.5, 9], ordered=ordered, **how)
        expected = [Exit(TIMEOUT), Ok(2), Ok(3.0), Exit(TIMEOUT)]
        assert sorted(map(str, outcomes)) == sorted(map(str, expected))
        if ordered:
            assert outcomes == expected
        await quiet()
        assert office.tree.reports.of(ChildTerminated) == []
        assert office.living() == []


@virtual_time
async def test_otp_241_a_limit_counts_while_nobody_reads() -> None:
    """A slow reader does not lengthen it."""
    async with opened() as office:
        how = Streaming(max_concurrency=2, timeout=4, on_timeout=OnTimeout.KILL_TASK)
        async with office.tasks.async_stream_nolink(double, [1, 6], how) as outcomes:
            assert await anext(outcomes) == Ok(2)
            await trio.sleep(10)
            assert await anext(outcomes) == Exit(TIMEOUT)


@virtual_time
async def test_otp_241_a_task_that_hears_no_cancellation_is_given_up_at_its_limit() -> None:
    """The stream goes on; its end waits for the deaf one a while."""
    async with opened() as office:
        began = trio.current_time()
        how = {"timeout": 2, "on_timeout": OnTimeout.KILL_TASK, "max_concurrency": 1}
        outcomes = await collected(office, deaf, [4, 1], **how)
        assert outcomes == [Exit(TIMEOUT), Ok("deaf")]
        assert trio.current_time() - began == 3


@virtual_time
async def test_otp_241_a_crash_ends_a_linked_reader_and_is_an_outcome_of_an_unlinked_stream() -> (
    None
):
    """The others of a linked one are stopped with the reader."""
    async with opened() as office:
        outcomes = await collected(office, picky, [1, 0, 2], max_concurrency=3)
        assert [type(outcome) for outcome in outcomes] == [Ok, Exit, Ok]
        assert isinstance(crash_of(outcomes[1].reason), Boom)

        async def read() -> None:
            how = Streaming(max_concurrency=3)
            async with office.tasks.async_stream(picky, [2, 0, 3], how) as found:
                async for _ in found:
                    pass

        office.owner.begin(read)
        assert isinstance(crash_of(await office.owner.life.join()), Boom)
        await quiet()
        assert office.living() == []


async def picky(seconds: float) -> float:
    """Raise for nothing, at once."""
    return await double(seconds) if seconds else await fail()


@virtual_time
async def test_otp_241_only_a_process_reads_a_linked_stream() -> None:
    """And a stream is entered before it is read, and has room for one at least."""
    async with opened() as office:
        with pytest.raises(NoProcError):
            office.tasks.async_stream(double, [1])
        with pytest.raises(RuntimeError, match="enter"):
            await anext(office.tasks.async_stream_nolink(double, [1]))
        with pytest.raises(ValueError, match="max_concurrency"):
            Streaming(max_concurrency=0)


@virtual_time
@pytest.mark.parametrize("how", ["break", "raise", "cancel", "kill"])
async def test_otp_242_no_task_is_left_when_the_reader_stops_early(how: str) -> None:
    """By leaving the loop, by an error, by being cancelled or killed; and no crash is reported."""
    async with opened() as office:

        async def read() -> None:
            options = Streaming(max_concurrency=5, timeout=1000)
            items = [0, 0, *[400] * 98]
            async with office.tasks.async_stream(double, items, options) as outcomes:
                taken = 0
                async for _ in outcomes:
                    taken += 1
                    if taken == 2:
                        break
                assert len(office.living()) >= 3
                match how:
                    case "raise":
                        raise Boom("reader")
                    case "cancel" | "kill":
                        await trio.sleep_forever()
            assert office.living() == []

        began = trio.current_time()
        match how:
            case "break":
                await office.owner.do(read)
            case "raise":
                office.owner.begin(read)
                await office.owner.life.join()
            case "kill":
                office.owner.begin(read)
                await quiet()
                office.owner.life.kill()
                await office.owner.life.join()
            case _:
                with trio.move_on_after(2):
                    await _alone(office)
        await quiet()
        assert office.living() == []
        assert office.reports == []
        assert trio.current_time() - began == (2 if how == "cancel" else 0)


async def _alone(office: Office) -> None:
    options = Streaming(max_concurrency=5, timeout=1000)
    async with office.tasks.async_stream_nolink(double, [400] * 100, options) as outcomes:
        async for _ in outcomes:
            pass


@virtual_time
@pytest.mark.parametrize("ordered", [True, False])
async def test_otp_243_the_input_is_taken_only_as_slots_get_free(ordered: bool) -> None:
    """So it may be infinite: never more taken than read and in flight."""
    taken = 0

    def numbers() -> Iterator[int]:
        nonlocal taken
        for number in count():
            taken += 1
            yield number % 3

    async with opened() as office:
        how = Streaming(max_concurrency=4, ordered=ordered)
        async with office.tasks.async_stream_nolink(double, numbers(), how) as outcomes:
            for read in range(20):
                assert taken <= read + 4
                await anext(outcomes)
                await trio.sleep(3)  # all are done, and hold their slots until they are read
                assert taken <= read + 4
        assert taken <= 24
        assert office.living() == []


@virtual_time
async def test_otp_243_an_input_that_raises_ends_the_reader_and_leaves_no_task() -> None:
    """The error is the input's own."""

    def numbers() -> Iterator[int]:
        yield 3
        raise Boom("input")

    async with opened() as office:
        with pytest.raises(Boom):
            await collected(office, double, numbers(), max_concurrency=2)
        assert office.living() == []


@virtual_time
async def test_otp_245_a_stream_over_a_full_supervisor_raises_and_leaves_no_task() -> None:
    """What was started before is stopped."""
    async with opened(max_children=2) as office:
        with pytest.raises(MaxChildrenError):
            await collected(office, double, [1, 2, 3], max_concurrency=3)
        assert office.living() == []


@virtual_time
async def test_otp_241_a_stream_without_input_is_empty() -> None:
    """Nothing is started for it."""
    async with opened() as office:
        assert await collected(office, double, []) == []


@virtual_time
async def test_otp_241_a_linked_reader_never_reads_the_crash_that_ends_it() -> None:
    """It is cancelled before."""
    read: list[Any] = []

    async def reader() -> None:
        how = Streaming(max_concurrency=2, ordered=False)
        async with office.tasks.async_stream(fail, [1, 2], how) as outcomes:
            read.extend([await anext(outcomes)])

    async with opened() as office:
        office.owner.begin(reader)
        assert isinstance(crash_of(await office.owner.life.join()), Boom)
        assert read == []


@virtual_time
async def test_otp_241_a_deaf_task_that_was_given_up_takes_nobody_along() -> None:
    """Though its stream was linked, and it crashes in the end."""

    async def stubborn(seconds: float) -> None:
        await deaf(seconds)
        raise Boom("late")

    async def reader() -> list[Any]:
        how = Streaming(max_concurrency=1, timeout=1, on_timeout=OnTimeout.KILL_TASK)
        async with office.tasks.async_stream(stubborn, [3], how) as outcomes:
            found = [outcome async for outcome in outcomes]
        await trio.sleep(5)
        return found

    async with opened() as office:
        assert await office.owner.do(reader) == [Exit(TIMEOUT)]
        assert office.owner.life.is_alive
        assert [type(report.reason) for report in office.reports] == [Crash]
