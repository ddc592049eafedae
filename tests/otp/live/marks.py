"""The groups of a recording: what happens side by side, and so has no order.

A dynamic supervisor stops its children at once; supervisors that were held together go on
together; a supervisor restarts a child while its end travels along links. One Erlang may always
show the same order there, but it promises none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.otp.live.shape import Json


def mark_groups(scenario: Json, recorded: Json) -> None:
    """Give what happens side by side a group of its own: the whole burst, or such stops."""
    dynamic = set(_dynamic(scenario["tree"], scenario["tree"]["id"]))
    held = [len(step.get("hold", ())) for step in scenario["steps"]]
    steps = [recorded["start"], *recorded["steps"]]
    for several, step in zip([0, *held], steps, strict=True):
        events = step.get("events", [])
        if several > 1 or ("procs" in scenario and _restarts(events)):
            for event in events:
                event["g"] = 1
            continue
        ends = [
            at
            for at, event in enumerate(events)
            if event["ev"] == "sup_exit" and event["path"] in dynamic
        ]
        number = 0
        for at in ends:
            stopped = _stopped(events, at)
            if len({_life(event) for event in stopped}) > 1:
                number += 1
                for event in stopped:
                    event["g"] = number


def _restarts(events: list[Json]) -> bool:
    """Whether a supervisor restarts a child while an end may travel along links elsewhere."""
    return any(event["ev"] == "init" and event["n"] > 1 for event in events)


def is_marked(recorded: Json) -> bool:
    """Whether several processes acted at once, so that some order was open."""
    steps = [recorded["start"], *recorded["steps"]]
    events = [event for step in steps for event in step.get("events", [])]
    return any("g" in event or "orphan" in event for event in events)


def _dynamic(node: Json, path: str) -> Iterator[str]:
    if "template" in node:
        yield path
    for child in node.get("children", []):
        yield from _dynamic(child, f"{path}/{child['id']}")


def _stopped(events: list[Json], end: int) -> list[Json]:
    """Return the ends of children that came just before, at the supervisor's order."""
    prefix = events[end]["path"] + "/"
    run: list[Json] = []
    for event in reversed(events[:end]):
        if event.get("late"):
            continue
        ours = event["ev"] in ("terminate", "exit") and event["path"].startswith(prefix)
        if not ours or event.get("orphan"):
            break
        run.insert(0, event)
    while run and run[0]["reason"] not in ("shutdown", "killed"):
        own = _life(run[0])
        run = [event for event in run if _life(event) != own]
    return run


def _life(event: Json) -> tuple[str, int]:
    return event["path"], event["n"]
