"""All that is known of one process, read without asking it."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Collection, Mapping
from itertools import islice
from typing import cast

from actors.kernel.actor import Actor
from api.debug.picture import ROOT, Shape
from api.debug.stack import current_function, stack_of
from supervisors.process import Process
from supervisors.snapshot import Describes

RELATIVES = 50
COUNTED = 1000


def about(process: Process) -> Shape:
    """Return identity, place, ties, work and stack of a living process."""
    handle = process.handle
    facts: Mapping[str, object] = handle.describe() if isinstance(handle, Describes) else {}
    return {
        "path": process.path or ROOT,
        "generation": process.generation,
        "label": process.label,
        "names": sorted(map(str, process.names)),
        "initial_call": process.initial_call,
        "current_function": current_function(process),
        "parent": process.parent.path or ROOT if process.parent else None,
        "ancestors": [one.path or ROOT for one in process.ancestors],
        "links": sorted(one.path or ROOT for one in list(process.links)[:RELATIVES]),
        "monitored_by": process.watched,
        "traps_exits": process.traps,
        "waits_for": process.waits_for.path or ROOT if process.waits_for else None,
        "suspended": bool(getattr(handle, "suspended", False)),
        "takes_system_messages": process.system is not None,
        "memory": _memory(handle),
        "facts": {key: str(value) for key, value in facts.items()},
        "stack": stack_of(process),
    }


def _memory(handle: object) -> int | None:
    """Estimate the bytes of an actor's own fields and of its mailbox; the heap is shared."""
    if not isinstance(handle, Actor):
        return None
    actor = cast("Actor[object]", handle)
    state = cast("Mapping[str, object]", actor.get_state())
    waiting = actor.mailbox.waiting(COUNTED)
    return sys.getsizeof(actor) + sum(map(_size, (*state.values(), waiting)))


def _size(value: object) -> int:
    size = sys.getsizeof(value)
    if isinstance(value, list | dict | set | tuple | deque | frozenset):
        inner = cast("Collection[object]", value)
        seen = list(islice(inner, COUNTED))
        size += sum(map(sys.getsizeof, seen)) * len(inner) // max(len(seen), 1)
    return size
