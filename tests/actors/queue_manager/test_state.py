"""The waiting room, and parting a batch by key; no I/O."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from actors.queue_manager.state import WaitingRoom, one_each


def room_of(*polls: tuple[str, float, str]) -> WaitingRoom[str]:
    """Return a room with (worker, until, caller) polls."""
    room = WaitingRoom[str]()
    for worker_id, until, caller in polls:
        room.enter(worker_id, until, caller)
    return room


def test_a_new_poll_is_claimed_for_once() -> None:
    """A statement is worth it for new polls; afterwards only when work may have come."""
    room = room_of(("a", 9, "1"))
    assert [poll.worker_id for poll in room.to_claim()] == ["a"]
    assert room.to_claim() == []
    room.enter("b", 9, "2")
    assert [poll.worker_id for poll in room.to_claim()] == ["b"]
    room.work_may_wait = True
    assert [poll.worker_id for poll in room.to_claim()] == ["a", "b"]
    assert room.to_claim() == []


def test_polls_of_one_worker_share_an_answer_and_the_later_end() -> None:
    """A worker that asks twice waits once, as long as its more patient request."""
    room = room_of(("a", 5, "1"), ("a", 3, "2"), ("a", 7, "3"))
    assert len(room) == 1
    assert room.next_end() == 7
    assert room.leave("a") == ["1", "2", "3"]
    assert room.leave("a") == []


def test_a_poll_that_is_entered_again_is_tried_again() -> None:
    """A second request must not wait for the next submission."""
    room = room_of(("a", 5, "1"))
    room.to_claim()
    room.enter("a", 5, "2")
    assert [poll.callers for poll in room.to_claim()] == [["1", "2"]]


def test_only_polls_that_were_tried_expire() -> None:
    """Nobody is told that there is no work before the database was asked."""
    room = room_of(("a", 1, "1"))
    assert room.expired(5) == []
    room.to_claim()
    assert room.expired(0.5) == []
    assert [poll.worker_id for poll in room.expired(1)] == ["a"]
    assert len(room) == 0
    assert room.next_end() == math.inf


def test_polls_without_callers_are_forgotten() -> None:
    """Who left is not asked for; a poll goes with its last caller."""
    room = room_of(("a", 9, "1"), ("a", 9, "2"), ("b", 9, "3"))
    room.drop(lambda caller: caller in {"1", "3"})
    assert [poll.callers for poll in room.to_claim()] == [["2"]]


def test_everyone_can_be_taken_out() -> None:
    """An emptied room holds nobody and gives each poll out once."""
    room = room_of(("a", 9, "1"), ("b", 9, "2"))
    assert [poll.worker_id for poll in room.empty()] == ["a", "b"]
    assert room.empty() == []


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("enter"), st.sampled_from("abc"), st.integers(0, 20)),
        st.tuples(st.just("claim"), st.booleans()),
        st.tuples(st.just("leave"), st.sampled_from("abc")),
        st.tuples(st.just("expire"), st.integers(0, 20)),
        st.tuples(st.just("drop"), st.integers(0, 30)),
        st.tuples(st.just("empty")),
    ),
    max_size=40,
)


@given(STEPS)
def test_no_caller_is_lost_or_answered_twice(steps: list[tuple[object, ...]]) -> None:
    """Whatever happens, each caller is in the room, or came out of it exactly once."""
    room = WaitingRoom[int]()
    entered = 0
    out: list[int] = []
    for step in steps:
        match step:
            case ("enter", str(worker), int(until)):
                room.enter(worker, until, entered)
                entered += 1
            case ("claim", bool(work)):
                room.work_may_wait = work
                assert all(poll.tried for poll in room.to_claim())
            case ("leave", str(worker)):
                out += room.leave(worker)
            case ("expire", int(now)):
                out += [caller for poll in room.expired(now) for caller in poll.callers]
                assert all(not p.tried or p.until > now for p in room._polls.values())
            case ("drop", int(gone)):
                inside = [c for poll in room._polls.values() for c in poll.callers]
                out += [caller for caller in inside if caller == gone]
                room.drop(lambda caller, gone=gone: caller == gone)
            case _:
                out += [caller for poll in room.empty() for caller in poll.callers]
        assert all(poll.callers for poll in room._polls.values())
    out += [caller for poll in room.empty() for caller in poll.callers]
    assert sorted(out) == list(range(entered))


@given(st.lists(st.integers(0, 5)))
def test_parting_by_key_keeps_everything_in_order(keys: list[int]) -> None:
    """The first part has every key once, in order of arrival; nothing is lost."""
    items = list(enumerate(keys))
    first, rest = one_each(items, lambda item: item[1])
    assert [key for _, key in first] == list(dict.fromkeys(keys))
    assert sorted(first + rest) == items
    assert rest == sorted(rest)
    for index, key in rest:
        assert any(k == key and i < index for i, k in first)
