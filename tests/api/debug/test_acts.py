"""The routes that act: who may, what happens, and that everybody is told who did it and why."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio

from actors.domain.events import DebugActed
from api.debug.acts import is_local
from supervisors.events import ChildStarted
from supervisors.exits import KILLED
from supervisors.snapshot import find
from tests.support.farm import Farm, good, refused

QUEUE = "orchestration/queue_manager"
RECORDER = "orchestration/recorder"
ACTS = ("kill", "restart", "suspend", "resume", "trace")


async def started(farm: Farm, path: str, generation: int) -> None:
    """Wait until a life is up."""
    await farm.events.first(ChildStarted, lambda e: (e.path, e.generation) == (path, generation))


@pytest.mark.parametrize("word", ["kill", "restart", "suspend", "resume"])
async def test_every_act_is_told_with_who_what_and_why(farm: Farm, word: str) -> None:
    """The name from the header, or just the key; a reason, or that none was given."""
    body = {"path": QUEUE, "why": "it\nis\0 stuck"}
    good(await farm.post(f"/debug/{word}", body, x_operator="lena"))
    told = await farm.events.first(DebugActed)
    assert told == DebugActed(word, QUEUE, 1, "lena", "itis stuck")
    good(await farm.post(f"/debug/{word}", {"path": RECORDER}))
    told = await farm.events.first(DebugActed, lambda e: e.path == RECORDER)
    assert (told.who, told.why) == ("api key", "no reason given")


async def test_kill_of_the_endpoint_answers_first(farm: Farm) -> None:
    """Whoever asked learns that it was done; the next life serves."""
    assert good(await farm.post("/debug/kill", {"path": "endpoint"}))["generation"] == 1
    await started(farm, "endpoint", 2)
    assert good(await farm.get("/live", x_api_key=""))["live"]


async def test_restart_of_the_endpoint_answers_first_and_ends_streams(farm: Farm) -> None:
    """A watcher does not hold it up for the grace of requests."""
    async with farm.http.stream(
        "GET",
        "/debug/events",
        headers={"X-API-Key": farm.api_key, "Accept": "text/event-stream"},
    ) as watcher:
        assert watcher.status_code == 200
        answer = good(await farm.post("/debug/restart", {"path": "endpoint"}))
        assert answer == {"restarted": "endpoint", "generation": 2}
        async for _ in watcher.aiter_bytes():
            pass
    await started(farm, "endpoint", 2)
    assert good(await farm.get("/debug/events"))["events"]


async def test_restart_stops_in_order_and_spends_no_budget(farm: Farm) -> None:
    """The answer comes when the next life is up."""
    answer = good(await farm.post("/debug/restart", {"path": QUEUE}))
    assert answer == {"restarted": QUEUE, "generation": 2}
    process = find(farm.root, QUEUE)
    assert process is not None
    assert process.generation == 2
    assert "budget=20 of 20" in (await farm.get("/debug/tree?format=text")).text


async def test_what_cannot_be_restarted_is_refused(farm: Farm) -> None:
    """The root; it goes on."""
    assert refused(await farm.post("/debug/restart", {"path": "root"}))[0] == 409
    assert farm.root.is_alive


async def test_a_suspended_actor_holds_its_messages_until_resumed(farm: Farm) -> None:
    """Callers wait, the tree says so; resumed it answers them all."""
    good(await farm.post("/debug/suspend", {"path": QUEUE}))
    good(await farm.post("/debug/suspend", {"path": QUEUE}))
    assert "queue_manager  suspended" in (await farm.get("/debug/tree?format=text")).text
    submitted: list[dict[str, Any]] = []

    async def submit() -> None:
        submitted.append(await farm.submit())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(submit)
        waiting = 0
        while not waiting:
            rows = good(await farm.get("/debug/processes?sort=mailbox&limit=1"))["processes"]
            waiting = rows[0]["mailbox"]
        assert not submitted
        good(await farm.post("/debug/resume", {"path": QUEUE}))
    assert submitted[0]["status"] == "pending"


async def test_processes_without_mailbox_take_no_system_messages(farm: Farm) -> None:
    """Said in words."""
    for word in ("suspend", "resume", "trace"):
        status, text = refused(await farm.post(f"/debug/{word}", {"path": "drain"}))
        assert status == 409
        assert "takes no system messages" in text


async def test_a_trace_shows_what_goes_through_an_actor_and_leaves_nothing(farm: Farm) -> None:
    """Messages in, states; bounded in time; secrets masked; the actor as before afterwards."""
    seen: list[tuple[str, Any]] = []
    begun = trio.Event()

    async def watch() -> None:
        async with farm.http.stream(
            "POST",
            "/debug/trace",
            headers={"X-API-Key": farm.api_key},
            json={"path": QUEUE, "seconds": 0.8},
        ) as answer:
            name = ""
            async for line in answer.aiter_lines():
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    seen.append((name, json.loads(value)))
                    begun.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        await begun.wait()
        await farm.submit()
    assert seen[0] == ("begin", {"path": QUEUE})
    assert seen[-1][0] == "end"
    assert seen[-1][1]["alive"] is True
    kinds = [data["what"] for name, data in seen if name == "trace"]
    assert "in" in kinds
    assert "state" in kinds
    process = find(farm.root, QUEUE)
    assert process is not None
    actor: Any = process.handle
    while actor.debug is not None:
        await trio.testing.wait_all_tasks_blocked(0.001)
    assert farm.api_key not in json.dumps(seen)


async def test_a_trace_ends_with_its_process(farm: Farm) -> None:
    """And says that it has ended."""
    async with farm.http.stream(
        "POST",
        "/debug/trace",
        headers={"X-API-Key": farm.api_key},
        json={"path": RECORDER, "seconds": 200},
    ) as answer:
        text = ""
        async for piece in answer.aiter_text():
            if not text:
                farm.kill(RECORDER)
            text += piece
    assert '"alive":false' in text


async def test_a_trace_has_limits(farm: Farm) -> None:
    """Of time, and of its kind."""
    for seconds in (0, -1, 301, "x", True, None, 1e308, [1]):
        body = {"path": QUEUE, "seconds": seconds}
        assert refused(await farm.post("/debug/trace", body))[0] == 400, seconds


async def test_acts_from_outside_are_refused_unless_configured(farm: Farm) -> None:
    """Off is off; local is not whoever comes through a proxy; looking is always allowed."""
    body = {"path": QUEUE}
    for word in ACTS:
        answer = await farm.post(f"/debug/{word}", body, x_forwarded_for="192.0.2.1")
        assert refused(answer)[0] == 403
        farm.parts.window.actions = "off"
        status, text = refused(await farm.post(f"/debug/{word}", body))
        assert (status, "DEBUG_ACTIONS" in text) == (403, True)
        farm.parts.window.actions = "local"
    farm.parts.window.actions = "on"
    good(await farm.post("/debug/suspend", body, x_forwarded_for="192.0.2.1"))
    good(await farm.post("/debug/resume", body, x_forwarded_for="192.0.2.1"))
    assert not [
        event for event in farm.events.of(DebugActed) if event.what not in {"suspend", "resume"}
    ]
    good(await farm.get("/debug/tree", x_forwarded_for="192.0.2.1"))


@pytest.mark.parametrize(
    ("client", "headers", "local"),
    [
        ("127.0.0.1", {}, True),
        ("127.9.9.9", {}, True),
        ("::1", {}, True),
        ("::ffff:127.0.0.1", {}, True),
        ("192.0.2.1", {}, False),
        ("::ffff:192.0.2.1", {}, False),
        ("2001:db8::1", {}, False),
        ("", {}, False),
        ("unix", {}, False),
        ("127.0.0.1", {"x-forwarded-for": "127.0.0.1"}, False),
        ("127.0.0.1", {"forwarded": "for=127.0.0.1"}, False),
    ],
)
def test_local_is_this_machine_and_no_proxy_on_it(
    client: str, headers: dict[str, str], *, local: bool
) -> None:
    """Both families, and one within the other."""

    class Asked:
        pass

    request: Any = Asked()
    request.client, request.headers = client, headers
    assert is_local(request) is local


async def test_without_the_key_nothing_is_seen_or_done(farm: Farm) -> None:
    """401 without, 403 with a wrong one."""
    for word in ACTS:
        for key, status in (("", 401), ("wrong", 403)):
            answer = await farm.post(f"/debug/{word}", {"path": QUEUE}, x_api_key=key)
            assert refused(answer)[0] == status
    for path in ("tree", "process", "state", "processes", "system", "events", "tree?format=html"):
        assert refused(await farm.get(f"/debug/{path}", x_api_key=""))[0] == 401
    assert not farm.events.of(DebugActed)


async def test_kill_of_a_supervisor_takes_its_children_and_they_come_back(farm: Farm) -> None:
    """The reason is killed; the farm works as before."""
    process = find(farm.root, "orchestration")
    assert process is not None
    good(await farm.post("/debug/kill", {"path": "orchestration"}))
    assert await process.join() == KILLED
    await started(farm, QUEUE, 1)
    assert (await farm.submit())["status"] == "pending"
