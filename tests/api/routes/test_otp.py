"""The one-time password of an attempt: given with the job, good for one use in ten minutes."""

from __future__ import annotations

import re
from datetime import datetime

import httpx
import pytest
import trio

from tests.support.farm import Farm, good, refused
from tests.support.machines import (
    age_attempts,
    authenticate,
    granted,
    poll,
    token_of,
    with_machine,
)

INVALID = (401, "Invalid OTP")
NONE = (401, "No OTP configured for this build")
SECRET = re.compile(r"[A-Za-z0-9_-]{32}")
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


async def test_job_carries_its_password_again_and_again(farm: Farm) -> None:
    """24 bytes as base64url; the same with every poll by token or key, another for another job."""
    build, other = await granted(farm), await granted(farm)
    assert SECRET.fullmatch(build.otp)
    assert build.otp != other.otp
    assert good(await poll(farm, build.token))["job"]["otp"] == build.otp
    old_form = await farm.poll(build.worker_id)
    assert old_form is not None
    assert old_form["otp"] == build.otp


async def test_password_outlives_every_process_of_the_controller(farm: Farm) -> None:
    """It is derived, not remembered."""
    build = await granted(farm)
    farm.kill("orchestration/queue_manager")
    await farm.restarted("orchestration/queue_manager", 1)
    assert good(await poll(farm, build.token))["job"]["otp"] == build.otp
    stored = await farm.parts.db.fetch("select t::text as row from attempts t")
    stored += await farm.parts.db.fetch("select b::text as row from builds b")
    assert all(build.otp not in record["row"] for record in stored)


async def test_password_is_exchanged_for_a_token(farm: Farm) -> None:
    """No other credential; the token lasts two hours, a line tells of it, the build is alive."""
    build = await granted(farm)
    answer = good(await authenticate(farm, build.id, build.otp))
    assert set(answer) == {"vm_token", "expires_at"}
    assert SECRET.fullmatch(answer["vm_token"])
    assert answer["vm_token"] != build.otp
    assert ISO.fullmatch(answer["expires_at"])
    now = await farm.parts.db.fetchval("select now()")
    left = datetime.fromisoformat(answer["expires_at"]) - now
    assert 7190 < left.total_seconds() <= 7200
    assert (await farm.lines(build.id))[-1] == ("info", "VM authenticated with OTP")


async def test_password_is_good_for_one_use(farm: Farm) -> None:
    """The second use is refused, the token of the first one stays good."""
    build, token = await with_machine(farm)
    assert refused(await authenticate(farm, build.id, build.otp)) == INVALID
    answer = await farm.post(build.path("vm-ready"), x_vm_token=token, x_api_key="")
    assert good(answer)["success"] is True
    lines = [text for _, text in await farm.lines(build.id)]
    assert lines.count("VM authenticated with OTP") == 1


async def test_two_uses_at_once_are_one(farm: Farm) -> None:
    """Twenty at the same moment: one wins, the others are refused."""
    for _ in range(5):
        build = await granted(farm)
        answers: list[httpx.Response] = []

        async def ask(
            build_id: str = build.id, otp: str = build.otp, into: list[httpx.Response] = answers
        ) -> None:
            into.append(await authenticate(farm, build_id, otp))

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(ask)
        won = [answer for answer in answers if answer.status_code == 200]
        assert len(won) == 1
        assert all(refused(a) == INVALID for a in answers if a.status_code != 200)


async def test_password_lasts_ten_minutes(farm: Farm) -> None:
    """Just before it is good, just after it is expired, for the right one only."""
    early, late = await granted(farm), await granted(farm)
    await age_attempts(farm, 595)
    assert good(await authenticate(farm, early.id, early.otp))
    await age_attempts(farm, 6)
    assert refused(await authenticate(farm, late.id, late.otp)) == (401, "OTP expired")
    assert refused(await authenticate(farm, late.id, "wrong")) == INVALID
    assert (await farm.status(late.id))["status"] == "assigned"


async def test_wrong_passwords_are_refused(farm: Farm) -> None:
    """Another build's, a changed one, half a surrogate, the lease, the tokens."""
    build, other = await granted(farm), await granted(farm)
    for wrong in (other.otp, build.otp[:-1], build.otp + "A", "\ud800", "x" * 9999, build.lease):
        assert refused(await authenticate(farm, build.id, wrong)) == INVALID, wrong
    assert good(await authenticate(farm, build.id, build.otp))


@pytest.mark.parametrize("body", [None, {}, {"otp": ""}, {"otp": None}, {"otp": 5}, {"otp": []}])
async def test_password_must_be_there(farm: Farm, body: object) -> None:
    """Before the build is looked at."""
    for build_id in ("x" * 21, (await granted(farm)).id):
        answer = await farm.post(f"/api/builds/{build_id}/authenticate", body, x_api_key="")
        assert refused(answer) == (400, "Missing required parameter: otp")


async def test_no_attempt_no_password(farm: Farm) -> None:
    """Unknown, waiting and finished builds have none; nor has one that was taken back."""
    for strange in ("x" * 21, "x", "%00"):
        answer = await farm.post(f"/api/builds/{strange}/authenticate", {"otp": "x"})
        assert refused(answer) == (404, "Build not found")
    waiting = (await farm.submit())["id"]
    assert refused(await authenticate(farm, waiting, "x")) == NONE
    await farm.post(f"/api/builds/{waiting}/cancel")
    build = await granted(farm)
    good(await farm.post(build.path("cancel")))
    assert refused(await authenticate(farm, build.id, build.otp)) == NONE
    lost = await granted(farm)
    good(await farm.post("/api/workers/unregister", x_worker_token=lost.token))
    assert refused(await authenticate(farm, lost.id, lost.otp)) == NONE


async def test_next_attempt_has_another_password(farm: Farm) -> None:
    """The old one is worth nothing then."""
    build = await granted(farm)
    good(await farm.post("/api/workers/unregister", x_worker_token=build.token))
    _, token = await token_of(farm)
    job = good(await poll(farm, token))["job"]
    assert job["id"] == build.id
    assert refused(await authenticate(farm, build.id, build.otp)) == INVALID
    assert good(await authenticate(farm, build.id, job["otp"]))


async def test_key_and_other_credentials_do_not_matter(farm: Farm) -> None:
    """A wrong key beside the right password is not looked at."""
    build = await granted(farm)
    path = build.path("authenticate")
    assert good(await farm.post(path, {"otp": build.otp}, x_api_key="wrong"))
