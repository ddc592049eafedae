"""Events as log lines: what operators read when something happened."""

from __future__ import annotations

import dataclasses
from enum import Enum
from logging import DEBUG, ERROR, INFO, WARNING

import structlog

from actors.domain import events
from actors.domain.errors import OperatorError
from supervisors import events as tree
from supervisors.exits import Crash, ExitReason, root_cause

log = structlog.get_logger()

_QUIET = (events.ClaimRan, events.RequestServed, events.UploadStored)
_WRONG = (
    tree.ChildShutdownFailed,
    tree.ChildrenShutdownFailed,
    tree.RestartBudgetSpent,
    tree.ZombieFound,
)
_LOUD = (
    tree.UnexpectedMessage,
    events.BuildLost,
    events.DebugActed,
    events.LoopStalled,
    events.DatabaseLost,
    events.RequestFailed,
    events.UploadRefused,
)
_TREE_NAMES: dict[type[object], str] = {
    tree.ChildStarted: "tree.child_started",
    tree.ChildStartFailed: "tree.child_start_failed",
    tree.ChildTerminated: "tree.child_terminated",
    tree.ChildShutdownFailed: "tree.child_shutdown_failed",
    tree.ChildrenShutdownFailed: "tree.children_shutdown_failed",
    tree.UnexpectedMessage: "tree.unexpected_message",
    tree.ProcessCrashed: "tree.process_crashed",
    tree.RestartBudgetSpent: "tree.restart_budget_spent",
    tree.ZombieFound: "tree.zombie_found",
}


def name_of(event: object) -> str:
    """Return the name that logs, metrics and docs use for an event."""
    return _TREE_NAMES.get(type(event)) or str(getattr(type(event), "name", type(event).__name__))


def level_of(event: object) -> int:
    """Return how important an event is, as one of `logging`'s numbers."""
    match event:
        case tree.ChildStarted(generation=1) | tree.ProcessCrashed():
            return DEBUG  # what a supervisor says of a crash is an error, once
        case tree.ChildStartFailed(during_restart=False) if _is_told(event.reason):
            return DEBUG  # the program ends with this very sentence
        case tree.ChildTerminated(reason=reason) | tree.ChildStartFailed(reason=reason):
            return ERROR if isinstance(reason, Crash) else WARNING
        case _ if isinstance(event, _WRONG):
            return ERROR
        case _ if isinstance(event, _QUIET):
            return DEBUG
        case _:
            return WARNING if isinstance(event, _LOUD) else INFO


def write_line(event: object) -> None:
    """Log one event; costs next to nothing when its level is not logged."""
    level = level_of(event)
    if log.is_enabled_for(level):
        reason = getattr(event, "reason", None)
        bug = reason if isinstance(reason, Crash) and not _is_told(reason) else None
        crash = {"exc_info": bug.exception} if bug else {}
        log.log(level, name_of(event), **_fields(event), **crash)


def _is_told(reason: ExitReason) -> bool:
    """Whether what failed is the operator's to mend, with a text that says all there is to say."""
    cause = root_cause(reason)
    return isinstance(cause, Crash) and isinstance(cause.primary, OperatorError)


def _fields(event: object) -> dict[str, object]:
    if not dataclasses.is_dataclass(event):
        return {"event_value": str(event)}
    shown = [field.name for field in dataclasses.fields(event) if field.repr]
    found = {name: getattr(event, name) for name in shown}
    return {key: _plain(value) for key, value in found.items()}


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return round(value, 4)
    return value if isinstance(value, str | int | bool | None) else str(value)
