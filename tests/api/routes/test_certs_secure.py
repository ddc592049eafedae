"""Certificates taken apart for the machine of a build."""

from __future__ import annotations

import base64

import pytest
import trio

from tests.support.archives import HOSTILE, P12, plain
from tests.support.farm import Farm, good, refused
from tests.support.machines import with_machine

FAILED = (500, "Failed to process certs file")
CERTS = plain(
    [
        ("first.p12", b"not this one"),
        ("b.mobileprovision", b"\x30 b"),
        ("folder/dist.p12", P12),
        ("password.txt", b"  geheim \n"),
        ("a.mobileprovision", b"\x30 a"),
        ("readme.txt", b"ignored"),
    ]
)


async def ids_of(farm: Farm, certs: bytes | None) -> tuple[str, dict[str, str]]:
    """Have a build with these certificates; returns the address and the headers that open it."""
    build_id, worker_id, _ = await farm.assigned(certs=certs)
    headers = {"x_worker_id": worker_id, "x_build_id": build_id}
    return f"/api/builds/{build_id}/certs-secure", headers


async def test_certificates_come_apart(farm: Farm) -> None:
    """Last key, trimmed password, profiles in their order, as padded base64."""
    path, headers = await ids_of(farm, CERTS)
    response = await farm.get(path, **headers)
    answer = good(response)
    assert set(answer) == {"p12", "p12Password", "keychainPassword", "provisioningProfiles"}
    assert answer["p12"] == base64.b64encode(P12).decode()
    assert answer["p12Password"] == "geheim"
    profiles = [base64.b64encode(data).decode() for data in (b"\x30 b", b"\x30 a")]
    assert answer["provisioningProfiles"] == profiles
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"


async def test_missing_parts_are_empty_and_never_null(farm: Farm) -> None:
    """No password is an empty text, no profiles an empty list."""
    path, headers = await ids_of(farm, plain([("x.p12", P12)]))
    answer = good(await farm.get(path, **headers))
    assert (answer["p12Password"], answer["provisioningProfiles"]) == ("", [])


async def test_keychain_password_is_new_for_each_request(farm: Farm) -> None:
    """32 characters of base64, never the same; the rest is the same."""
    path, headers = await ids_of(farm, CERTS)
    answers = [good(await farm.get(path, **headers)) for _ in range(5)]
    passwords = {answer.pop("keychainPassword") for answer in answers}
    assert len(passwords) == 5
    assert all(len(base64.b64decode(text, validate=True)) == 24 for text in passwords)
    assert all(answer == answers[0] for answer in answers)


async def test_machine_gets_them_by_its_token_alone(farm: Farm) -> None:
    """The same answer; and the fetching is no sign of a build at work."""
    build, token = await with_machine(farm, certs=CERTS)
    answer = good(await farm.get(build.path("certs-secure"), x_vm_token=token, x_api_key=""))
    assert answer["p12Password"] == "geheim"
    assert (await farm.status(build.id))["status"] == "assigned"


async def test_strict_guard_judges_in_order(farm: Farm) -> None:
    """No key, no worker, no build, another build in the header, unknown, another's, pending."""
    path, headers = await ids_of(farm, CERTS)
    build_id = headers["x_build_id"]

    async def ask(path: str, **sent: str) -> tuple[int, str]:
        return refused(await farm.get(path, **sent))

    assert await ask(path, **headers, x_api_key="") == (401, "Missing X-API-Key header")
    assert await ask(path, x_build_id=build_id) == (401, "Missing X-Worker-Id header")
    assert await ask(path, x_worker_id="w") == (401, "Missing X-Build-Id header")
    mismatch = (403, "X-Build-Id header does not match build ID in URL")
    assert await ask(path, x_worker_id="w", x_build_id="other") == mismatch
    nowhere = "x" * 21
    unknown = await ask(f"/api/builds/{nowhere}/certs-secure", x_worker_id="w", x_build_id=nowhere)
    assert unknown == (404, "Build not found")
    other = (403, "Worker not assigned to this build")
    assert await ask(path, x_worker_id="other", x_build_id=build_id) == other
    pending = (await farm.submit(certs=CERTS))["id"]
    waiting = f"/api/builds/{pending}/certs-secure"
    worker_id = headers["x_worker_id"]
    assert await ask(waiting, x_worker_id=worker_id, x_build_id=pending) == other
    assert await ask(path, **headers, x_lease="old") == other


async def test_no_certificates_are_404(farm: Farm) -> None:
    """A build that was submitted without."""
    path, headers = await ids_of(farm, None)
    assert refused(await farm.get(path, **headers)) == (404, "Certs not found")


async def test_file_that_is_gone_or_cut_is_500(farm: Farm) -> None:
    """With the text of this route."""
    path, headers = await ids_of(farm, CERTS)
    (name,) = [name for name in farm.files() if name.startswith("certs/")]
    (farm.storage / name).write_bytes(CERTS[:-5])
    assert refused(await farm.get(path, **headers)) == FAILED
    (farm.storage / name).unlink()
    assert refused(await farm.get(path, **headers)) == FAILED


@pytest.mark.parametrize("certs", [b"", b"no zip", plain([("password.txt", b"x")])])
async def test_what_holds_no_key_is_500(farm: Farm, certs: bytes) -> None:
    """Not an archive, or one without a key."""
    path, headers = await ids_of(farm, certs)
    assert refused(await farm.get(path, **headers)) == FAILED


async def test_hostile_archives_are_500_and_the_controller_goes_on(farm: Farm) -> None:
    """A sample of them, while health is asked at the same time; nothing is left open."""
    path, headers = await ids_of(farm, CERTS)
    (name,) = [name for name in farm.files() if name.startswith("certs/")]
    over = trio.Event()

    async def look() -> None:
        while not over.is_set():
            assert (await farm.get("/health")).status_code == 200

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
        for what in list(HOSTILE)[::5]:
            data = await trio.to_thread.run_sync(HOSTILE[what])
            (farm.storage / name).write_bytes(data)
            assert refused(await farm.get(path, **headers)) == FAILED, what
        over.set()
    (farm.storage / name).write_bytes(CERTS)
    assert good(await farm.get(path, **headers))["p12Password"] == "geheim"
