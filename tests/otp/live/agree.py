"""Whether two recordings of one scenario agree: equal but for the orders that OTP leaves open."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.otp.live.shape import Json, Value

_MARKS = ("g", "late", "orphan")
_CHANNELS = ("result", "snapshot", "reports", "crashes", "quiet_ms", "result_ms")


def disagreements(expected: Json, actual: Json) -> list[str]:
    """Say where a recording departs from the marked one; empty when they agree."""
    if "failed" in actual:
        return [f"failed: {actual['failed']}"]
    pairs = [("start", expected.get("start"), actual.get("start"))]
    pairs += [
        (f"step {i}", one, other)
        for i, (one, other) in enumerate(zip(expected["steps"], actual["steps"], strict=True))
    ]
    return [
        f"{where}: {what}"
        for where, one, other in pairs
        for what in _in_step(one or {}, other or {})
    ]


def _in_step(expected: Json, actual: Json) -> Iterator[str]:
    for channel in _CHANNELS:
        one, other = (_plain(channel, side.get(channel)) for side in (expected, actual))
        if one != other:
            yield f"{channel} {_text(one)} but {_text(other)}"
    if ("events" in expected) != ("events" in actual):
        yield "events on one side only"
    wrong = order(expected.get("events", []), actual.get("events", []))
    if wrong:
        yield wrong


def _plain(channel: str, value: Value) -> Value:
    """Without what has no order: crashes, and the reports of different supervisors."""
    if channel == "crashes":
        return sorted(map(_text, value or ()))
    if channel == "reports":
        return sorted(value or (), key=lambda report: str(report["sup"]))
    if channel == "snapshot" and value:
        return value | {"alive": sorted(value["alive"])}
    return value


def order(expected: list[Json], actual: list[Json]) -> str | None:
    """Compare events by the marks of the expected ones; say what is wrong, if anything is."""
    texts = [_text(_bare(event)) for event in expected]
    played = [_text(_bare(event)) for event in actual]
    if sorted(texts) != sorted(played):
        missing, more = _difference(texts, played), _difference(played, texts)
        return f"events missing {missing}, more {more}"
    if _by_process(expected) != _by_process(actual):
        return "the events of one process are in another order"
    loose = {
        text
        for text, event in zip(texts, expected, strict=True)
        if event.get("late") or event.get("orphan")
    }
    firm = [text for text in played if text not in loose]
    return _blocks(expected, texts, firm) or _too_early(expected, texts, played)


def _blocks(expected: list[Json], texts: list[str], played: list[str]) -> str | None:
    firm = [
        (event.get("g", -at - 1), text)
        for at, (event, text) in enumerate(zip(expected, texts, strict=True))
        if not event.get("late") and not event.get("orphan")
    ]
    at = 0
    for _, block in groupby(firm, key=lambda pair: pair[0]):
        wanted = [text for _, text in block]
        if sorted(wanted) != sorted(played[at : at + len(wanted)]):
            return f"order: {wanted} but {played[at : at + len(wanted)]}"
        at += len(wanted)
    return None


def _too_early(expected: list[Json], texts: list[str], played: list[str]) -> str | None:
    """Every late event comes after all unmarked events that precede it in the expected list."""
    before: list[str] = []
    for event, text in zip(expected, texts, strict=True):
        if event.get("late"):
            early = [one for one in before if played.index(one) > played.index(text)]
            if early:
                return f"too early: {text} before {early}"
        elif "g" not in event and not event.get("orphan"):
            before.append(text)
    return None


def _by_process(events: Iterable[Json]) -> dict[Value, list[str]]:
    lives: dict[Value, list[str]] = defaultdict(list)
    for event in events:
        if event["ev"] == "down":
            lives[event["at"], event["ref"]].append(_text(_bare(event)))
        elif "path" in event:
            lives[event["path"], event.get("n")].append(_text(_bare(event)))
    return lives


def _bare(event: Json) -> Json:
    return {key: value for key, value in event.items() if key not in _MARKS}


def _difference(one: list[str], other: list[str]) -> list[str]:
    rest = list(other)
    return [text for text in one if text not in rest or rest.remove(text)]


def _text(value: Value) -> str:
    return json.dumps(value, sort_keys=True)
