"""A full mailbox: each kind of message says what becomes of it, and all is counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
import trio

from actors.kernel.errors import MailboxFullError
from actors.kernel.mailbox import Envelope, Mailbox
from actors.kernel.messages import Cast, WhenFull
from tests.support.script import Do, DoLater, Text, body_of, nap, world
from tests.support.tree import quiet, virtual_time


@dataclass(frozen=True, slots=True)
class Position(Cast[object]):
    """The latest one counts."""

    at: int
    when_full: ClassVar[WhenFull] = "drop_oldest"


@dataclass(frozen=True, slots=True)
class Sample(Cast[object]):
    """One of many."""

    at: int
    when_full: ClassVar[WhenFull] = "drop_newest"


def taken(box: Mailbox) -> list[object]:
    """Empty a mailbox."""
    found: list[object] = []
    while isinstance(item := box.get_nowait(), Envelope):
        found.append(item.message)
    return found


@virtual_time
async def test_the_oldest_of_its_kind_makes_room_for_the_newest() -> None:
    """Others keep their place; the order of the rest stays."""
    box = Mailbox(3)
    for message in (Text("a"), Position(1), Position(2), Position(3), Position(4)):
        box.put(message)
    assert len(box) == 3
    assert taken(box) == [Text("a"), Position(3), Position(4)]
    assert (box.dropped, box.refused) == (2, 0)


@virtual_time
async def test_without_one_of_its_kind_to_drop_it_is_refused() -> None:
    """Nothing else is lost for it."""
    box = Mailbox(1)
    box.put(Text("a"))
    with pytest.raises(MailboxFullError):
        box.put(Position(1))
    assert (taken(box), box.dropped, box.refused) == ([Text("a")], 0, 1)


@virtual_time
async def test_the_newest_is_dropped_where_it_says_so() -> None:
    """The sender is not told: it has nothing to do about it."""
    box = Mailbox(1)
    box.put(Sample(1))
    box.put(Sample(2))
    assert (taken(box), box.dropped) == ([Sample(1)], 1)


@virtual_time
async def test_age_and_losses_of_a_mailbox_are_in_the_picture() -> None:
    """As facts of the actor."""
    async with world() as w:
        actor = await w.actor()
        body = body_of(actor)
        body.mailbox.capacity = 1
        actor.cast(DoLater(nap(10)))
        await quiet()
        assert [actor.cast(Text(text)) for text in "ab"] == [True, False]
        with pytest.raises(MailboxFullError):
            await actor.call(Do(lambda: 1))
        await trio.sleep(2)
        facts = body.describe()
        assert facts["oldest"] == "2.000s"
        assert (facts["dropped"], facts["refused"]) == (0, 2)
