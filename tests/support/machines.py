"""Workers of the later protocol and the virtual machines of their builds, for tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.farm import Farm, good
from tests.support.form import file


@dataclass
class Granted:
    """A build in the hands of a worker with a token, and what its machine knows."""

    id: str
    worker_id: str
    token: str
    lease: str
    otp: str

    def path(self, what: str) -> str:
        """Return the address of something of the build."""
        return f"/api/builds/{self.id}/{what}"


async def token_of(farm: Farm, worker_id: str = "") -> tuple[str, str]:
    """Register a worker, a known one again; returns its id and its token."""
    body = {"name": "mac", "capabilities": {}} | ({"id": worker_id} if worker_id else {})
    answer = good(await farm.post("/api/workers/register", body))
    return answer["id"], answer["access_token"]


async def poll(farm: Farm, token: str, **more: Any) -> httpx.Response:
    """Poll with a token alone."""
    headers = {"X-API-Key": "", "X-Worker-Token": token}
    return await farm.ask("GET", "/api/workers/poll", headers, **more)


async def granted(farm: Farm, **submission: Any) -> Granted:
    """Have a build with a new worker that polls by its token."""
    build = await farm.submit(**submission)
    worker_id, token = await token_of(farm)
    job = good(await poll(farm, token))["job"]
    assert job["id"] == build["id"]
    return Granted(job["id"], worker_id, token, job["lease"], job["otp"])


async def authenticate(farm: Farm, build_id: str, otp: object) -> httpx.Response:
    """Show a one-time password, and nothing else."""
    return await farm.post(f"/api/builds/{build_id}/authenticate", {"otp": otp}, x_api_key="")


async def machine_of(farm: Farm, build: Granted) -> str:
    """Start the machine of a build; returns its token."""
    return good(await authenticate(farm, build.id, build.otp))["vm_token"]


async def with_machine(farm: Farm, **submission: Any) -> tuple[Granted, str]:
    """Have a build at work with a machine; returns it and the machine's token."""
    build = await granted(farm, **submission)
    return build, await machine_of(farm, build)


async def bring(farm: Farm, build: Granted, token: str, data: bytes = b"app") -> httpx.Response:
    """Have the machine deliver the result."""
    part = file("artifact", data, "app.ipa")
    return await farm.send_form(build.path("artifact"), part, x_vm_token=token, x_api_key="")


async def age_tokens(farm: Farm, seconds: float) -> None:
    """Let tokens of workers be that much older."""
    await farm.parts.db.execute(
        "update worker_tokens set expires_at = expires_at - make_interval(secs => $1)", seconds
    )


async def age_attempts(farm: Farm, seconds: float) -> None:
    """Let assignments, and uses of passwords, be that much longer ago."""
    await farm.parts.db.execute(
        "update attempts set granted_at = granted_at - make_interval(secs => $1),"
        " otp_used_at = otp_used_at - make_interval(secs => $1)",
        seconds,
    )
