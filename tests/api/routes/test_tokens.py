"""A worker's token: given at registration, used instead of the key, replaced in time."""

from __future__ import annotations

import re

import httpx
import trio

from actors.domain.ids import token_hash
from tests.support.farm import Farm, good, refused
from tests.support.form import Part, file
from tests.support.machines import age_tokens, granted, poll, token_of

BAD = (401, "Invalid or expired worker token")
NOT_YOURS = (403, "Build not assigned to this worker")


async def upload(farm: Farm, token: str, *parts: Part, **headers: str) -> httpx.Response:
    """Report an end with a token alone."""
    sent = {"x_worker_token": token, "x_api_key": "", **headers}
    return await farm.send_form("/api/workers/upload", *parts, **sent)


async def valid(farm: Farm) -> int:
    """Count the tokens that can be used."""
    sql = "select count(*) from worker_tokens where expires_at > now()"
    return await farm.parts.db.fetchval(sql)


async def test_registration_gives_a_token_for_ninety_seconds(farm: Farm) -> None:
    """32 characters that fit into an address; the database keeps its hash only."""
    worker_id, token = await token_of(farm)
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", token)
    row = await farm.parts.db.fetchrow(
        "select *, extract(epoch from expires_at - now())::float8 as left from worker_tokens"
    )
    assert row is not None
    assert (row["hash"], row["worker_id"]) == (token_hash(token), worker_id)
    assert 80 < row["left"] <= 90
    assert good(await poll(farm, token)) == {"job": None, "access_token": token}


async def test_registering_again_gives_another_token_and_leaves_the_old_one(farm: Farm) -> None:
    """Both are good until their time is over."""
    worker_id, first = await token_of(farm)
    again, second = await token_of(farm, worker_id)
    assert again == worker_id
    assert first != second
    for token in (first, second):
        assert good(await poll(farm, token))["access_token"] == token


async def test_poll_by_token_gives_the_job(farm: Farm) -> None:
    """No id and no key; the same job again, and the worker is seen."""
    build = await farm.submit()
    worker_id, token = await token_of(farm)
    first = good(await poll(farm, token))
    assert first["job"]["id"] == build["id"]
    assert good(await poll(farm, token)) == first
    status = await farm.status(build["id"])
    assert (status["status"], status["worker_id"]) == ("assigned", worker_id)
    held = farm.poll(worker_id)
    assert await held == first["job"]


async def test_poll_by_key_carries_no_token(farm: Farm) -> None:
    """The old form stays as it was, an expired token beside it or not."""
    worker_id, token = await token_of(farm)
    path = f"/api/workers/poll?worker_id={worker_id}"
    assert good(await farm.get(path)) == {"job": None}
    for sent in (token, "expired"):
        assert good(await farm.get(path, x_worker_token=sent)) == {"job": None}


async def test_poll_by_key_and_token_without_id_goes_by_the_token(farm: Farm) -> None:
    """A newer worker that sends both needs no id."""
    _, token = await token_of(farm)
    headers = {"X-Worker-Token": token}
    answer = await farm.ask("GET", "/api/workers/poll", headers)
    assert good(answer)["access_token"] == token
    answer = await farm.ask("GET", "/api/workers/poll", {"X-Worker-Token": "wrong"})
    assert refused(answer) == BAD
    assert refused(await farm.get("/api/workers/poll")) == (400, "worker_id required")


async def test_invalid_and_expired_tokens_are_401(farm: Farm) -> None:
    """So is none at all; the worker registers again with its id and goes on."""
    worker_id, token = await token_of(farm)
    for wrong in ("x", token[:-1], token + "x", token.swapcase(), "A" * 5000):
        assert refused(await poll(farm, wrong)) == BAD
    strange = [(b"X-Worker-Token", b"\xe9\xff")]
    assert refused(await farm.http.get("/api/workers/poll", headers=strange)) == BAD
    assert refused(await poll(farm, "")) == (401, "Missing X-API-Key header")
    await age_tokens(farm, 89)
    assert good(await poll(farm, token))["job"] is None
    await age_tokens(farm, 91)
    assert refused(await poll(farm, token)) == BAD
    _, token = await token_of(farm, worker_id)
    assert good(await poll(farm, token))["job"] is None


async def test_unknown_worker_is_404_and_its_token_is_none(farm: Farm) -> None:
    """The worker registers anew."""
    worker_id, token = await token_of(farm)
    await farm.parts.db.execute("delete from workers where id = $1", worker_id)
    assert refused(await poll(farm, token)) == BAD
    answer = await farm.get(f"/api/workers/poll?worker_id={worker_id}")
    assert refused(answer) == (404, "Worker not found")


async def test_token_is_replaced_when_sixty_seconds_are_left(farm: Farm) -> None:
    """Not before; the old one stays valid for its own time."""
    _, token = await token_of(farm)
    await age_tokens(farm, 25)
    assert good(await poll(farm, token))["access_token"] == token
    await age_tokens(farm, 6)
    second = good(await poll(farm, token))["access_token"]
    assert second != token
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", second)
    for old in (token, second):
        assert good(await poll(farm, old))["access_token"] == second
    await age_tokens(farm, 61)
    assert refused(await poll(farm, token)) == BAD
    third = good(await poll(farm, second))["access_token"]
    assert third not in {token, second}


async def test_worker_that_polls_every_thirty_seconds_never_expires(farm: Farm) -> None:
    """Twenty polls, each with the token of the last answer; old rows go."""
    _, token = await token_of(farm)
    seen = {token}
    for _ in range(20):
        await age_tokens(farm, 30)
        token = good(await poll(farm, token))["access_token"]
        seen.add(token)
    assert len(seen) > 10
    assert await farm.count("worker_tokens") < 15


async def test_a_lost_answer_loses_no_token(farm: Farm) -> None:
    """Whoever asks again with the old token is told the same new one, for its full time."""
    _, token = await token_of(farm)
    await age_tokens(farm, 40)
    lost = good(await poll(farm, token))["access_token"]
    await age_tokens(farm, 45)
    assert good(await poll(farm, token))["access_token"] == lost
    await age_tokens(farm, 80)
    assert good(await poll(farm, lost))["job"] is None


async def test_twenty_polls_at_once_get_one_successor(farm: Farm) -> None:
    """Every answer is a success, all name the same token, and it is good."""
    _, token = await token_of(farm)
    await age_tokens(farm, 31)
    answers: list[str] = []

    async def ask() -> None:
        answers.append(good(await poll(farm, token))["access_token"])

    for _ in range(5):
        answers.clear()
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(ask)
        (token,) = set(answers)
        assert good(await poll(farm, token))["access_token"] == token
        await age_tokens(farm, 31)
    assert await valid(farm) <= 3


async def test_token_of_a_held_poll_is_judged_when_it_is_answered(farm: Farm) -> None:
    """What was a long time at the start of the poll may be short at its end."""
    _, token = await token_of(farm)
    await age_tokens(farm, 29.9)
    answer = good(await poll(farm, token, params={"wait": "0.3"}))
    assert answer["access_token"] != token
    assert good(await poll(farm, answer["access_token"]))["access_token"] == answer["access_token"]


async def test_token_opens_files_of_the_workers_own_build_only(farm: Farm) -> None:
    """Source and certificates; another's build, a waiting one and an unknown one are refused."""
    mine = await granted(farm, source=b"PK s", certs=b"PK c")
    other = await granted(farm, certs=b"c")
    pending = (await farm.submit(certs=b"c"))["id"]
    for what, data in (("source", b"PK s"), ("certs", b"PK c")):

        async def ask(build_id: str, token: str, what: str = what) -> httpx.Response:
            path = f"/api/builds/{build_id}/{what}"
            return await farm.get(path, x_worker_token=token, x_api_key="")

        assert (await ask(mine.id, mine.token)).content == data
        refusal = (403, "Worker not authorized for this build")
        assert refused(await ask(other.id, mine.token)) == refusal
        assert refused(await ask(pending, mine.token)) == refusal
        assert refused(await ask("x" * 21, mine.token)) == (404, "Build not found")
        assert refused(await ask(mine.id, "wrong")) == BAD
        path = f"/api/builds/{mine.id}/{what}"
        fenced = await farm.get(path, x_worker_token=mine.token, x_api_key="", x_lease="old")
        assert refused(fenced) == refusal
    logs = await farm.post(mine.path("logs"), {"level": "info", "message": "x"}, x_api_key="")
    assert refused(logs) == (401, "Missing X-API-Key header")


async def test_token_opens_the_upload_of_own_builds(farm: Farm) -> None:
    """The id in the form may be left out, and must not be another's."""
    mine, other = await granted(farm), await granted(farm)
    parts = (Part("success", "true"), file("result", b"app"))

    def to(build_id: str, worker_id: str = "") -> tuple[Part, ...]:
        named = (Part("worker_id", worker_id),) if worker_id else ()
        return (Part("build_id", build_id), *named, *parts)

    assert refused(await upload(farm, "wrong", *to(mine.id))) == BAD
    assert refused(await upload(farm, mine.token, *to(other.id))) == NOT_YOURS
    assert refused(await upload(farm, mine.token, *to(mine.id, other.worker_id))) == NOT_YOURS
    unknown = await upload(farm, mine.token, *to("x" * 21))
    assert refused(unknown) == (404, "Build not found")
    missing = await upload(farm, mine.token, *parts)
    assert refused(missing) == (400, "build_id and worker_id required")
    assert await farm.count("artifacts") == 2
    assert good(await upload(farm, mine.token, *to(mine.id))) == {"status": "success"}
    assert good(await upload(farm, other.token, *to(other.id, other.worker_id)))
    assert (await farm.worker(mine.worker_id))["builds_completed"] == 1
    assert len(farm.files()) == 4


async def test_token_does_not_settle_a_waiting_build_of_others(farm: Farm) -> None:
    """But that of a build which was lost by this worker: its late result counts."""
    mine = await granted(farm)
    pending = (await farm.submit())["id"]
    parts = (Part("success", "true"), file("result", b"app"))
    answer = await upload(farm, mine.token, Part("build_id", pending), *parts)
    assert refused(answer) == NOT_YOURS
    assert (await farm.status(pending))["status"] == "pending"
    body = {"build_id": mine.id, "worker_id": mine.worker_id, "reason": "r"}
    good(await farm.post("/api/workers/abandon", body, x_worker_token=mine.token))
    answer = await upload(farm, mine.token, Part("build_id", mine.id), *parts)
    assert good(answer) == {"status": "success"}
