"""Crash reports: what is known of a process at its abnormal end, bounded in size."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisors.events import ProcessCrashed
from supervisors.exits import ExitReason

if TYPE_CHECKING:
    from supervisors.process import Process

MESSAGES = 10
"""At most so many waiting messages are shown."""
LETTERS = 500
"""At most so many of each shown thing."""
RELATIVES = 20

_short = reprlib.Repr()
_short.maxstring = _short.maxother = LETTERS
_short.maxlist = _short.maxtuple = _short.maxdict = _short.maxset = 20


@dataclass(frozen=True, slots=True)
class CrashFacts:
    """What the body of a process adds to the report of its crash, redacted by it."""

    queue: int = 0
    messages: tuple[object, ...] = ()
    last_message: object = None
    state: object = None
    flight: tuple[object, ...] = ()


def brief(value: object) -> str:
    """Print a value in at most `LETTERS` letters; one that cannot be printed is no error."""
    try:
        return _short.repr(value)[:LETTERS]
    except Exception as error:  # noqa: BLE001 - a report must come out
        return f"<{type(value).__name__}: {type(error).__name__} in repr>"


def crash_report(process: Process, reason: ExitReason) -> ProcessCrashed:
    """Gather the report; called while the links of the process still stand."""
    facts = process.facts() if process.facts is not None else CrashFacts()
    linked = list(process.links)[:RELATIVES]
    return ProcessCrashed(
        path=process.path,
        generation=process.generation,
        reason=reason,
        initial_call=process.initial_call,
        label=process.label,
        names=tuple(map(str, process.names)),
        ancestors=tuple(one.path for one in process.ancestors[:RELATIVES]),
        links=tuple(one.path for one in linked),
        neighbours=tuple(one.path for one in linked if not one.traps),
        traps=process.traps,
        queue=facts.queue,
        messages=tuple(brief(one) for one in facts.messages[:MESSAGES]),
        last_message=brief(facts.last_message),
        state=brief(facts.state),
        flight=tuple(map(str, facts.flight)),
    )
