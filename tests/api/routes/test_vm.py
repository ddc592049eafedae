"""The virtual machine of a build: what its token opens, and when it dies."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from actors.store import queue
from supervisors.snapshot import find
from tests.api.routes.test_otp import ISO
from tests.support.archives import P12, plain
from tests.support.farm import Farm, good, refused
from tests.support.form import file
from tests.support.machines import (
    Granted,
    age_attempts,
    bring,
    granted,
    machine_of,
    poll,
    token_of,
    with_machine,
)

BAD = (403, "Invalid or expired VM token")
CERTS = plain([("dist.p12", P12)])
LINE = {"level": "info", "message": "x"}
OPENED = {
    "source": ("GET", "source", {}),
    "certs": ("GET", "certs", {}),
    "certs-secure": ("GET", "certs-secure", {}),
    "logs": ("POST", "logs", {"json": LINE}),
    "telemetry": ("POST", "telemetry", {"json": {"type": "t", "data": {}}}),
    "heartbeat": ("POST", "heartbeat?worker_id={worker}", {}),
    "vm-ready": ("POST", "vm-ready", {}),
    "artifact": ("POST", "artifact", {}),
}
"""What the token of a machine opens; artifact has a form, see `bring`."""


async def ask(
    farm: Farm, what: str, build: Granted, token: str, key: str = "", build_id: str = ""
) -> httpx.Response:
    """Use a route with the token of a machine."""
    method, path, how = OPENED[what]
    path = f"/api/builds/{build_id or build.id}/{path.format(worker=build.worker_id)}"
    headers = {"X-API-Key": key, "X-VM-Token": token}
    if what == "artifact":
        return await farm.send_form(path, file("artifact", b"app"), **headers)
    return await farm.ask(method, path, headers, **how)


@pytest.mark.parametrize("what", OPENED)
async def test_token_opens_its_own_build_alone(farm: Farm, what: str) -> None:
    """No key, no ids: 200. Another build 403, an unknown one 404, a wrong token 403."""
    build, token = await with_machine(farm, certs=CERTS)
    other, _ = await with_machine(farm, certs=CERTS)
    silent = await granted(farm, certs=CERTS)
    assert refused(await ask(farm, what, other, token)) == BAD
    assert refused(await ask(farm, what, silent, token)) == BAD
    waiting = (await farm.submit())["id"]
    assert refused(await ask(farm, what, build, token, build_id=waiting)) == BAD
    unknown = await ask(farm, what, build, token, build_id="x" * 21)
    assert refused(unknown) == (404, "Build not found")
    for wrong in (token[:-1], token.swapcase(), build.otp, build.token, build.lease, "x" * 5000):
        assert refused(await ask(farm, what, build, wrong)) == BAD, wrong
    assert (await ask(farm, what, build, token)).status_code == 200


async def test_no_token_is_401(farm: Farm) -> None:
    """The routes of the machine alone say which one, the others ask for the key."""
    build, _ = await with_machine(farm, certs=CERTS)
    for what in OPENED:
        own = what in {"vm-ready", "artifact"}
        text = "Missing X-VM-Token header" if own else "Missing X-API-Key header"
        assert refused(await ask(farm, what, build, "")) == (401, text)
        for key in (farm.api_key, "wrong") if own else ():
            assert refused(await ask(farm, what, build, "", key=key)) == (401, text)


async def test_token_lasts_two_hours(farm: Farm) -> None:
    """Then it opens nothing."""
    build, token = await with_machine(farm, certs=CERTS)
    await age_attempts(farm, 7195)
    assert (await ask(farm, "logs", build, token)).status_code == 200
    await age_attempts(farm, 6)
    for what in OPENED:
        assert refused(await ask(farm, what, build, token)) == BAD


async def test_token_dies_with_its_attempt(farm: Farm) -> None:
    """Cancelled, signed off, given up, settled, lost: nothing is open any more."""
    for end in ("cancel", "unregister", "abandon", "upload", "lose"):
        build, token = await with_machine(farm, certs=CERTS)
        await _end(farm, build, end)
        for what in set(OPENED) - ({"artifact"} if end == "upload" else set()):
            assert refused(await ask(farm, what, build, token)) == BAD, (end, what)
        if (await farm.status(build.id))["status"] == "pending":
            await farm.post(build.path("cancel"))


async def _end(farm: Farm, build: Granted, how: str) -> None:
    if how == "cancel":
        good(await farm.post(build.path("cancel")))
    elif how == "unregister":
        good(await farm.post(f"/api/workers/{build.worker_id}/unregister"))
    elif how == "abandon":
        body = {"build_id": build.id}
        good(await farm.post("/api/workers/abandon", body, x_worker_token=build.token))
    elif how == "upload":
        good(await farm.upload(build.id, build.worker_id))
    else:
        await age_attempts(farm, 5000)
        await _lose(farm)


async def _lose(farm: Farm) -> None:
    lost = await queue.lose(farm.parts.db, silent=60, first_sign=60, max_attempts=3, listening=1000)
    assert len(lost) == 1


async def test_token_of_the_next_attempt_is_another(farm: Farm) -> None:
    """The machine of the first attempt may still run: it writes nothing to the second."""
    build, old = await with_machine(farm)
    good(await farm.post(f"/api/workers/{build.worker_id}/unregister"))
    worker_id, token = await token_of(farm)
    job = good(await poll(farm, token))["job"]
    again = Granted(job["id"], worker_id, token, job["lease"], job["otp"])
    assert again.id == build.id
    assert refused(await ask(farm, "logs", again, old)) == BAD
    new = await machine_of(farm, again)
    assert new != old
    assert (await ask(farm, "logs", again, new)).status_code == 200
    assert refused(await bring(farm, again, old)) == BAD
    assert (await farm.status(build.id))["status"] == "building"


async def test_newer_scripts_send_token_and_ids_to_telemetry(farm: Farm) -> None:
    """Taken; a wrong token is refused even then, the ids alone are taken as before."""
    build, token = await with_machine(farm)
    ids = {"x_worker_id": build.worker_id, "x_build_id": build.id, "x_api_key": ""}
    body = {"type": "monitor_started", "data": {}}
    path = build.path("telemetry")
    assert good(await farm.post(path, body, x_vm_token=token, **ids)) == {"status": "ok"}
    assert refused(await farm.post(path, body, **ids, x_vm_token=build.otp)) == BAD
    assert good(await farm.post(path, body, **ids)) == {"status": "ok"}


async def test_signs_of_the_machine_are_signs_of_its_worker(farm: Farm) -> None:
    """Logs and telemetry by token turn `assigned` into `building` and count as life."""
    for what in ("logs", "telemetry", "heartbeat", "vm-ready"):
        build, token = await with_machine(farm)
        assert (await farm.status(build.id))["status"] == "assigned"
        assert (await ask(farm, what, build, token)).status_code == 200
        await _written(farm)
        assert (await farm.status(build.id))["status"] == "building", what
        sign = "select last_sign_at is not null from attempts where build_id = $1"
        assert await farm.parts.db.fetchval(sign, build.id)


async def _written(farm: Farm) -> None:
    """Have the recorder write what it has gathered: it does so when it is asked to end."""
    path = "orchestration/recorder"
    process = find(farm.root, path)
    assert process is not None
    process.shutdown()
    await farm.restarted(path, process.generation)


async def test_heartbeat_by_token_names_its_worker(farm: Farm) -> None:
    """The query still has the id; another's is refused."""
    build, token = await with_machine(farm)
    path = build.path("heartbeat")
    headers = {"x_vm_token": token, "x_api_key": ""}
    assert refused(await farm.post(path, **headers)) == (400, "worker_id required")
    answer = await farm.post(f"{path}?worker_id=other", **headers)
    assert refused(answer) == (403, "Build not assigned to this worker")
    answer = await farm.post(f"{path}?worker_id={build.worker_id}", {"progress": 5}, **headers)
    assert good(answer)["status"] == "ok"


async def test_machine_says_once_that_it_is_ready(farm: Farm) -> None:
    """JSON content type and empty body; the first time stays, and is one line."""
    build, token = await with_machine(farm)
    headers = {"X-API-Key": "", "X-VM-Token": token, "Content-Type": "application/json"}
    answers = [good(await farm.ask("POST", build.path("vm-ready"), headers)) for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0]["success"] is True
    assert ISO.fullmatch(answers[0]["vm_ready_at"])
    assert (await farm.lines(build.id)).count(("info", "VM signaled ready")) == 1


async def test_worker_learns_that_its_machine_is_ready(farm: Farm) -> None:
    """No credential: false until then, the token then, false again when the build is over."""
    build = await granted(farm)

    async def status(build_id: str = build.id) -> Any:
        path = f"/api/builds/{build_id}/vm-status"
        return good(await farm.get(path, x_api_key=""))

    assert await status() == {"vm_ready": False}
    token = await machine_of(farm, build)
    assert await status() == {"vm_ready": False}
    since = good(await farm.post(build.path("vm-ready"), x_vm_token=token))["vm_ready_at"]
    assert await status() == {"vm_ready": True, "vm_token": token, "vm_ready_at": since}
    await farm.post(build.path("cancel"))
    assert await status() == {"vm_ready": False}
    waiting = (await farm.submit())["id"]
    assert await status(waiting) == {"vm_ready": False}
    answer = await farm.get(f"/api/builds/{'x' * 21}/vm-status", x_api_key="wrong")
    assert refused(answer) == (404, "Build not found")


async def test_status_of_a_machine_whose_token_expired_is_not_ready(farm: Farm) -> None:
    """A token that opens nothing is not handed out."""
    build, token = await with_machine(farm)
    good(await farm.post(build.path("vm-ready"), x_vm_token=token))
    await age_attempts(farm, 7201)
    answer = await farm.get(build.path("vm-status"), x_api_key="")
    assert good(answer) == {"vm_ready": False}


async def test_files_by_token_are_those_of_the_build(farm: Farm) -> None:
    """Source and certificates, byte for byte; no certificates are 404."""
    build, token = await with_machine(farm, source=b"PK s", certs=CERTS)
    assert (await ask(farm, "source", build, token)).content == b"PK s"
    assert (await ask(farm, "certs", build, token)).content == CERTS
    bare, token = await with_machine(farm)
    for what in ("certs", "certs-secure"):
        assert refused(await ask(farm, what, bare, token)) == (404, "Certs not found")
