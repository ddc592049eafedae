"""When two recordings of a scenario agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.otp.live.agree import disagreements, order
from tests.otp.live.marks import is_marked, mark_groups

if TYPE_CHECKING:
    from tests.otp.live.shape import Json


def _end(path: str, **marks: object) -> Json:
    return {"ev": "exit", "path": path, "n": 1, "reason": "shutdown"} | marks


def _terminate(path: str, **marks: object) -> Json:
    return {"ev": "terminate", "path": path, "n": 1, "reason": "shutdown"} | marks


def test_unmarked_events_stand_in_one_order() -> None:
    """Swapped ends of two processes are a disagreement."""
    a, b = _end("root/a"), _end("root/b")
    assert order([a, b], [a, b]) is None
    assert "order" in str(order([a, b], [b, a]))


def test_a_group_has_no_order_but_its_place_has() -> None:
    """Events of a group may swap; none may leave the group's place."""
    a, b, c = _end("root/a", g=1), _end("root/b", g=1), _end("root/c")
    plain = [_end(f"root/{one}") for one in "abc"]
    assert order([a, b, c], [plain[1], plain[0], plain[2]]) is None
    assert "order" in str(order([a, b, c], [plain[0], plain[2], plain[1]]))


def test_a_late_event_may_come_later_but_not_earlier() -> None:
    """A result stands at its earliest place."""
    a, b = _end("root/a"), _end("root/b")
    result = {"ev": "result", "tag": "t", "result": "ok", "late": True}
    assert order([a, result, b], [a, b, result]) is None
    assert "too early" in str(order([a, result, b], [result, a, b]))


def test_an_orphan_may_stand_anywhere() -> None:
    """Whoever lost its supervisor ends at any time."""
    a, orphan = _end("root/a"), _end("root/s/b", orphan=True)
    assert order([a, orphan], [orphan, a]) is None


def test_one_process_keeps_its_order_whatever_the_marks() -> None:
    """Terminate comes before the exit of the same process, in groups and among orphans."""
    for marks in ({"g": 1}, {"orphan": True}):
        events = [_terminate("root/a", **marks), _end("root/a", **marks)]
        assert "one process" in str(order(events, events[::-1]))


def test_every_channel_of_a_step_counts() -> None:
    """A missing event, another result, report, snapshot or crash is a disagreement."""
    step: Json = {
        "result": "ok",
        "events": [_end("root/a")],
        "snapshot": {"alive": ["a", "b"]},
        "reports": [{"sup": "root", "context": "shutdown"}],
        "crashes": [{"path": "root/a", "n": 1, "reason": "killed"}],
    }
    assert disagreements({"steps": [step]}, {"steps": [step]}) == []
    for channel, other in {
        "result": {"error": "running"},
        "events": [],
        "snapshot": {"alive": ["a"]},
        "reports": [],
        "crashes": [],
    }.items():
        assert disagreements({"steps": [step]}, {"steps": [step | {channel: other}]})


def test_what_has_no_order_is_compared_without() -> None:
    """The living, the crashes and the reports of different supervisors may be in any order."""
    names = ["a", "b"]
    step, other = (
        {
            "events": [],
            "snapshot": {"alive": some},
            "reports": [{"sup": name} for name in some],
            "crashes": [{"path": name} for name in some],
        }
        for some in (names, names[::-1])
    )
    assert disagreements({"steps": [step]}, {"steps": [other]}) == []


def test_the_stops_of_a_dynamic_supervisor_are_grouped() -> None:
    """Its children end side by side; the child that ended by itself is no part of that."""
    tree = {"id": "root", "sup": {"strategy": "simple_one_for_one"}, "template": {}}
    own = [_end("root/z") | {"reason": {"crash": "boom"}}]
    stops = [_terminate("root/x"), _terminate("root/y"), _end("root/x"), _end("root/y")]
    events = [*own, *stops, _end("root") | {"ev": "sup_exit"}]
    recorded = {"start": {"events": events}, "steps": []}
    assert not is_marked(recorded)
    mark_groups({"tree": tree, "steps": []}, recorded)
    assert is_marked(recorded)
    assert [event.get("g") for event in events] == [None, 1, 1, 1, 1, None]


def test_supervisors_that_were_held_together_have_no_common_order() -> None:
    """The events of such a burst are one group; those of a burst at one supervisor are not."""
    ends = [_end("root/a/c"), _end("root/b/d")]
    tree = {"id": "root", "sup": {}, "children": []}
    for held, marked in (["root/a", "root/b"], True), (["root/a"], False):
        scenario = {"tree": tree, "steps": [{"do": "burst", "hold": held}]}
        recorded = {"start": {}, "steps": [{"events": [dict(end) for end in ends]}]}
        mark_groups(scenario, recorded)
        assert (order(recorded["steps"][0]["events"], ends[::-1]) is None) == marked
