"""One controller after the other on one database: what one has given, the next takes."""

from __future__ import annotations

from pathlib import Path

from actors.store.database import ConnectOptions
from tests.support.farm import farming, good, refused
from tests.support.machines import age_tokens, authenticate, granted, poll, token_of


async def test_tokens_and_passwords_are_good_at_every_controller(
    database_options: ConnectOptions, tmp_path: Path
) -> None:
    """Registered here, polled there, authenticated there, used here: nothing is in memory."""
    async with farming(database_options, tmp_path / "one") as farm:
        build = await granted(farm)
    async with farming(database_options, tmp_path / "two") as farm:
        job = good(await poll(farm, build.token))["job"]
        assert (job["id"], job["otp"]) == (build.id, build.otp)
        token = good(await authenticate(farm, build.id, build.otp))["vm_token"]
    async with farming(database_options, tmp_path / "three") as farm:
        assert refused(await authenticate(farm, build.id, build.otp)) == (401, "Invalid OTP")
        good(await farm.post(build.path("vm-ready"), x_vm_token=token, x_api_key=""))
        assert good(await farm.get(build.path("vm-status")))["vm_token"] == token


async def test_every_controller_renews_a_token_alike(
    database_options: ConnectOptions, tmp_path: Path
) -> None:
    """The successor is the same one wherever it was asked for."""
    async with farming(database_options, tmp_path / "one") as farm:
        _, token = await token_of(farm)
        await age_tokens(farm, 31)
        successor = good(await poll(farm, token))["access_token"]
    assert successor != token
    async with farming(database_options, tmp_path / "two") as farm:
        for sent in (token, successor):
            assert good(await poll(farm, sent))["access_token"] == successor
