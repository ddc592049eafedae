"""Announcements: at once when it is quiet, together when it is not."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from actors.pubsub.messages import Topic
from actors.pubsub.state import Outbox

GAP = 0.5


def test_the_first_announcement_goes_out_at_once() -> None:
    """A lone submission makes no other controller wait."""
    outbox = Outbox(GAP)
    outbox.put(Topic.WORK)
    assert outbox.take(10.0) == [Topic.WORK]


def test_announcements_of_one_moment_go_out_as_one() -> None:
    """What follows waits for the gap, and says the same once."""
    outbox = Outbox(GAP)
    outbox.put(Topic.WORK)
    outbox.take(10.0)
    outbox.put(Topic.WORK)
    outbox.put(Topic.WORK)
    assert outbox.take(10.0 + GAP / 2) == []
    assert outbox.due_at() == 10.0 + GAP
    assert outbox.take(10.0 + GAP) == [Topic.WORK]
    assert outbox.take(20.0) == []


@given(st.lists(st.tuples(st.floats(0, 10), st.booleans()), max_size=60))
def test_whatever_is_put_goes_out_within_a_gap(steps: list[tuple[float, bool]]) -> None:
    """No announcement is lost, and no two of them are nearer than the gap."""
    outbox = Outbox(GAP)
    sent: list[float] = []
    now = 0.0
    for wait, put in steps:
        now += wait
        if put:
            outbox.put(Topic.WORK)
        if outbox.take(now):
            sent.append(now)
        assert outbox.due_at() > now
    assert all(b - a >= GAP for a, b in pairwise(sent))
