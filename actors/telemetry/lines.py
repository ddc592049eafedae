"""Events as log lines: what operators read when something happened."""

from __future__ import annotations

import dataclasses
from enum import Enum

import structlog

from actors.domain import events
from supervisors import events as tree
from supervisors.exits import Crash

log = structlog.get_logger()

_QUIET = (events.ClaimRan, events.RequestServed, events.UploadStored)
_LOUD = (
    events.BuildLost,
    events.DatabaseLost,
    events.RequestFailed,
    events.UploadRefused,
)
_TREE_NAMES: dict[type[object], str] = {
    tree.ChildStarted: "tree.child_started",
    tree.ChildStartFailed: "tree.child_start_failed",
    tree.ChildTerminated: "tree.child_terminated",
    tree.ChildShutdownFailed: "tree.child_shutdown_failed",
    tree.RestartBudgetSpent: "tree.restart_budget_spent",
    tree.ZombieFound: "tree.zombie_found",
}


def name_of(event: object) -> str:
    """Return the name that logs, metrics and docs use for an event."""
    return _TREE_NAMES.get(type(event)) or str(getattr(type(event), "name", type(event).__name__))


def write_line(event: object) -> None:
    """Log one event."""
    fields = _fields(event)
    name = name_of(event)
    match event:
        case tree.ChildStarted(generation=generation):
            (log.info if generation > 1 else log.debug)(name, **fields)
        case tree.ChildTerminated(reason=reason) | tree.ChildStartFailed(reason=reason):
            crash = reason.exception if isinstance(reason, Crash) else None
            (log.error if crash else log.warning)(name, **fields, exc_info=crash)
        case tree.ChildShutdownFailed() | tree.RestartBudgetSpent() | tree.ZombieFound():
            log.error(name, **fields)
        case _ if isinstance(event, _QUIET):
            log.debug(name, **fields)
        case _ if isinstance(event, _LOUD):
            log.warning(name, **fields)
        case _:
            log.info(name, **fields)


def _fields(event: object) -> dict[str, object]:
    if not dataclasses.is_dataclass(event):
        return {"event_value": str(event)}
    found = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    return {key: _plain(value) for key, value in found.items()}


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return round(value, 4)
    return value if isinstance(value, str | int | bool | None) else str(value)
