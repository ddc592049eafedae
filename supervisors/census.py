"""The children of a supervisor as lists and counts; pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from supervisors.process import Process
from supervisors.slot import Slot
from supervisors.spec import ChildKind


@dataclass(frozen=True, slots=True)
class ChildInfo:
    """One child: `process` is None when it has none; `state` tells idle from restarting."""

    id: Hashable
    process: Process | None
    state: str
    kind: ChildKind


@dataclass(frozen=True, slots=True)
class Count:
    """`active` counts live children only; the last two count specs, alive or not."""

    specs: int
    active: int
    supervisors: int
    workers: int


def which(slots: Iterable[Slot]) -> list[ChildInfo]:
    """Return the children in the order of their start."""
    return [ChildInfo(slot.spec.id, slot.process, slot.state, slot.spec.kind) for slot in slots]


def count(slots: Iterable[Slot]) -> Count:
    """Count the children."""
    all_slots = list(slots)
    supervisors = sum(slot.spec.kind is ChildKind.SUPERVISOR for slot in all_slots)
    active = sum(slot.alive is not None for slot in all_slots)
    return Count(len(all_slots), active, supervisors, len(all_slots) - supervisors)
