"""No secret leaves but in the answer that it is meant for: no line, event, page or row has one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from actors.store.credentials import find_attempt, find_worker
from tests.support.archives import P12, plain
from tests.support.farm import Farm, good
from tests.support.form import Part, file
from tests.support.machines import (
    age_attempts,
    age_tokens,
    authenticate,
    bring,
    granted,
    poll,
    with_machine,
)

PASSWORD = "the password of a certificate"  # noqa: S105 - of this test
CERTS = plain([("dist.p12", P12), ("password.txt", PASSWORD.encode())])
PAGES = ("/", "/?demo=true", "/metrics", "/debug/tree", "/debug/tree?format=text", "/health")
LISTS = ("/api/builds", "/api/builds/active", "/api/stats")
TABLES = "select table_name from information_schema.tables where table_schema = 'public'"


@pytest.fixture
def records() -> Iterator[list[str]]:
    """Collect every line that libraries log, the least important ones too."""

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            texts.append(self.format(record))

    texts: list[str] = []
    keeper, root = Keeper(logging.DEBUG), logging.getLogger()
    level = root.level
    root.addHandler(keeper)
    root.setLevel(logging.DEBUG)
    yield texts
    root.setLevel(level)
    root.removeHandler(keeper)


async def whole_life(farm: Farm) -> list[str]:
    """Use every credential, rightly and wrongly; returns all that were issued."""
    build, machine = await with_machine(farm, certs=CERTS)
    await age_tokens(farm, 40)
    next_token = good(await poll(farm, build.token))["access_token"]
    vm = {"x_vm_token": machine, "x_api_key": ""}
    certs = good(await farm.get(build.path("certs-secure"), **vm))
    assert certs["p12Password"] == PASSWORD
    good(await farm.post(build.path("vm-ready"), **vm))
    assert good(await farm.get(build.path("vm-status")))["vm_token"] == machine
    line = {"level": "info", "message": "at work"}
    good(await farm.post(build.path("logs"), line, **vm))
    wrong = {"x_vm_token": machine + "x", "x_worker_token": build.token + "x", "x_api_key": ""}
    for what in ("logs", "vm-ready", "telemetry"):
        assert (await farm.post(build.path(what), line, **wrong)).status_code == 403
    assert (await authenticate(farm, build.id, build.otp)).status_code == 401
    assert (await poll(farm, build.token + "x")).status_code == 401
    good(await bring(farm, build, machine))
    given_up = await granted(farm)
    headers = {"x_worker_token": given_up.token, "x_api_key": ""}
    good(await farm.post("/api/workers/abandon", {"build_id": given_up.id}, **headers))
    foreign = [Part("build_id", build.id), file("result", b"x")]
    assert (await farm.send_form("/api/workers/upload", *foreign, **headers)).status_code == 403
    good(await farm.post("/api/workers/unregister", **headers))
    secrets = [build.otp, build.token, next_token, machine, PASSWORD, certs["keychainPassword"]]
    return [*secrets, certs["p12"], given_up.otp, given_up.token, farm.api_key]


async def test_no_secret_is_written_down(
    farm: Farm,
    logged: list[dict[str, Any]],
    records: list[str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Log lines of every level, events, pages, lines of builds, standard output."""
    secrets = await whole_life(farm)
    seen = [*map(repr, logged), *records, *map(repr, farm.events.seen), *capfd.readouterr()]
    listed = good(await farm.get("/api/builds"))
    about = [f"/api/builds/{b['id']}/{what}" for b in listed for what in ("status", "logs")]
    seen += [(await farm.get(path)).text for path in (*PAGES, *LISTS, *about)]
    assert len(seen) > 100
    assert len(set(secrets)) == len(secrets)
    for secret in secrets:
        assert not [text[:200] for text in seen if secret in text]


async def test_no_secret_is_in_the_database(farm: Farm) -> None:
    """Hashes, flags, and the one key that all is derived from."""
    secrets = await whole_life(farm)
    for table in [row["table_name"] for row in await farm.parts.db.fetch(TABLES)]:
        rows = await farm.parts.db.fetch(f"select t::text as row from {table} t")  # noqa: S608
        for secret in secrets:
            as_bytes = secret.encode().hex()
            assert not [r for r in rows if secret in r["row"] or as_bytes in r["row"]], table
    assert await farm.count("farm_key") == 1


async def test_no_secret_is_in_a_printed_value(farm: Farm) -> None:
    """What a traceback with values would show of our structs."""
    build = await granted(farm)
    attempt = await find_attempt(farm.parts.db, build.id)
    ticket = await find_worker(farm.parts.db, build.token)
    assert attempt is not None
    assert ticket is not None
    for value in (attempt, ticket):
        assert build.token not in repr(value)
        assert build.otp not in repr(value)
        assert repr(value.key) not in repr(value)


async def test_two_databases_have_two_keys(farm: Farm) -> None:
    """The key is random, and one lease of two farms gives two passwords."""
    key = await farm.parts.db.fetchval("select key from farm_key")
    assert len(key) == 32
    made = "select sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))"
    assert len({await farm.parts.db.fetchval(made) for _ in range(10)} | {key}) == 11
    await age_attempts(farm, 0)
