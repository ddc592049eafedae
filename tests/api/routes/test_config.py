"""Moving workers to another controller by what their polls and heartbeats are answered."""

from __future__ import annotations

from pathlib import Path

import trio

from actors.store.database import ConnectOptions
from tests.support.farm import Farm, farming, good, refused

CONFIG = "/api/workers/config"
NEW, OWN = "https://new.example:8443/controller", "http://10.0.0.7:3000"
UNUSABLE = [
    "",
    "new.example",
    "ftp://new.example",
    "http://",
    "http:///path",
    "javascript:alert(1)",
    5,
    True,
    [],
    {},
    "http://a b",
    "http://a\n",
    "http://\N{SNOWMAN}",
    "http://a:x",
    "http://[::1",
    "http://a:0",
    "http://a:70000",
    "http://a/" + "x" * 2048,
    "http://a/\x00",
]


async def change(farm: Farm, **body: object) -> object:
    """Change the configuration; what is set then."""
    return good(await farm.ask("PATCH", CONFIG, json=body))


async def polled(farm: Farm, worker_id: str, **params: str) -> dict[str, object]:
    """Return the whole answer to a poll."""
    params = {"worker_id": worker_id, **params}
    return good(await farm.ask("GET", "/api/workers/poll", params=params))


async def test_nothing_is_set_at_first(farm: Farm) -> None:
    """And answers carry no field of it."""
    assert good(await farm.get(CONFIG)) == {"controller_url": None, "workers": {}}
    assert await polled(farm, await farm.register()) == {"job": None}


async def test_what_is_set_is_shown(farm: Farm) -> None:
    """By the change itself and by GET; null clears it."""
    worker_id = await farm.register()
    everyone = {"controller_url": NEW, "workers": {}}
    assert await change(farm, controller_url=NEW) == everyone
    both = {"controller_url": NEW, "workers": {worker_id: OWN}}
    assert await change(farm, controller_url=OWN, worker_id=worker_id) == both
    assert good(await farm.get(CONFIG)) == both
    own = {"controller_url": None, "workers": {worker_id: OWN}}
    assert await change(farm, controller_url=None) == own
    nothing = {"controller_url": None, "workers": {}}
    assert await change(farm, controller_url=None, worker_id=worker_id) == nothing


async def test_every_poll_carries_it(farm: Farm) -> None:
    """With and without a job, again and again, until it is cleared; a worker's own goes first."""
    one, two = await farm.register(), await farm.register()
    await change(farm, controller_url=NEW)
    await change(farm, controller_url=OWN, worker_id=two)
    await farm.submit()
    for _ in range(2):
        answer = await polled(farm, one)
        assert answer["job"] is not None
        assert answer["config"] == {"controller_url": NEW}
        assert await polled(farm, two) == {"job": None, "config": {"controller_url": OWN}}
    await change(farm, controller_url=None, worker_id=two)
    assert (await polled(farm, two))["config"] == {"controller_url": NEW}
    await change(farm, controller_url=None)
    assert "config" not in await polled(farm, one)
    assert "config" not in await polled(farm, two)


async def test_a_held_poll_carries_it_at_its_end(farm: Farm) -> None:
    """Whether it ends by time or by a job."""
    worker_id = await farm.register()
    await change(farm, controller_url=NEW)
    expected = {"job": None, "config": {"controller_url": NEW}}
    assert await polled(farm, worker_id, wait="0.05") == expected
    answers: list[dict[str, object]] = []

    async def wait() -> None:
        answers.append(await polled(farm, worker_id, wait="30"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked(0.01)
        await farm.submit()
    assert answers[0]["job"] is not None
    assert answers[0]["config"] == {"controller_url": NEW}


async def test_heartbeats_carry_it(farm: Farm) -> None:
    """Both forms; a worker's own goes first."""
    build_id, worker_id, _ = await farm.assigned()
    beats = (
        (f"/api/builds/{build_id}/heartbeat?worker_id={worker_id}", {}),
        ("/api/workers/heartbeat", {"build_id": build_id}),
    )
    for settings, url in (
        ({"controller_url": NEW}, NEW),
        ({"controller_url": OWN, "worker_id": worker_id}, OWN),
    ):
        await change(farm, **settings)
        for path, body in beats:
            assert good(await farm.post(path, body))["config"] == {"controller_url": url}
    await change(farm, controller_url=None)
    await change(farm, controller_url=None, worker_id=worker_id)
    for path, body in beats:
        assert "config" not in good(await farm.post(path, body))


async def test_an_address_that_no_worker_could_use_is_refused(farm: Farm) -> None:
    """400, and nothing is set."""
    sentence = "controller_url must be an http or https URL, or null"
    for url in UNUSABLE:
        answer = await farm.ask("PATCH", CONFIG, json={"controller_url": url})
        assert refused(answer) == (400, sentence), url
    assert good(await farm.get(CONFIG))["controller_url"] is None


async def test_a_body_without_address_clears_nothing(farm: Farm) -> None:
    """Only an explicit null does."""
    await change(farm, controller_url=NEW)
    for body in ({}, {"worker_id": "w"}, [], None):
        answer = await farm.ask("PATCH", CONFIG, json=body)
        assert refused(answer)[0] == 400
    assert good(await farm.get(CONFIG))["controller_url"] == NEW


async def test_an_unknown_worker_is_not_everyone(farm: Farm) -> None:
    """404: a mistaken id must not move the whole farm."""
    for worker_id in ("nobody", "", "a b", "\0", 5, [], False):
        body = {"controller_url": NEW, "worker_id": worker_id}
        answer = await farm.ask("PATCH", CONFIG, json=body)
        assert refused(answer) == (404, "Worker not found"), worker_id
    assert good(await farm.get(CONFIG)) == {"controller_url": None, "workers": {}}


async def test_it_outlives_a_restart_and_holds_for_every_controller(
    database_options: ConnectOptions, tmp_path: Path
) -> None:
    """What is set on one controller is told by the other at once, and by the next life."""
    async with farming(database_options, tmp_path / "one") as one:
        worker_id = await one.register()
        async with farming(database_options, tmp_path / "two") as two:
            await change(one, controller_url=NEW)
            assert (await polled(two, worker_id))["config"] == {"controller_url": NEW}
    async with farming(database_options, tmp_path / "one") as again:
        assert (await polled(again, worker_id))["config"] == {"controller_url": NEW}
