"""Which credential opens which route: the whole table, credential by credential."""

from __future__ import annotations

from api.guards import Guard, Token
from api.routes.table import ROUTES
from api.routing import Route
from tests.support.farm import Farm, refused
from tests.support.machines import with_machine

BY_MACHINE = {
    "GET /api/builds/{id}/source",
    "GET /api/builds/{id}/certs",
    "GET /api/builds/{id}/certs-secure",
    "POST /api/builds/{id}/logs",
    "POST /api/builds/{id}/telemetry",
    "POST /api/builds/{id}/heartbeat",
    "POST /api/builds/{id}/vm-ready",
    "POST /api/builds/{id}/artifact",
}
BY_WORKER = {
    "GET /api/builds/{id}/source",
    "GET /api/builds/{id}/certs",
    "GET /api/workers/poll",
    "POST /api/workers/upload",
    "POST /api/workers/abandon",
    "POST /api/workers/unregister",
}
WITHOUT = {
    "POST /api/builds/{id}/authenticate",
    "GET /api/builds/{id}/vm-status",
}
"""Open to whoever knows the build: by its password, or for the worker that waits."""
OWN = {
    Guard.VM: Token.VM,
    Guard.VM_RESULT: Token.VM,
    Guard.WORKER_TOKEN: Token.WORKER,
}


def opened_by(route: Route, token: Token) -> bool:
    """Whether the table says that the token opens the route."""
    return token in route.also or OWN.get(route.guard) is token


def test_tokens_open_what_the_contract_names_and_no_more() -> None:
    """The rows against the lists."""
    assert {r.name for r in ROUTES if opened_by(r, Token.VM)} == BY_MACHINE
    assert {r.name for r in ROUTES if opened_by(r, Token.WORKER)} == BY_WORKER
    assert {r.name for r in ROUTES if r.guard in {Guard.OTP, Guard.BUILD_ID}} == WITHOUT


async def test_tokens_open_no_other_route(farm: Farm) -> None:
    """Valid ones, of this very build and its worker, without a key: 401 and nothing happens."""
    build, machine = await with_machine(farm)
    before = await farm.status(build.id)
    for header, token, names in (
        ("X-VM-Token", machine, BY_MACHINE),
        ("X-Worker-Token", build.token, BY_WORKER),
    ):
        for route in ROUTES:
            if route.guard is Guard.PUBLIC or route.name in names | WITHOUT:
                continue
            path = route.path.replace("{id}", build.id)
            headers = {"X-API-Key": "", header: token}
            answer = await farm.ask(route.method, path, headers)
            assert refused(answer)[0] == 401, (header, route.name)
    assert await farm.status(build.id) == before


async def test_one_token_is_not_the_other(farm: Farm) -> None:
    """A machine's token in the worker's header, and the other way round."""
    build, machine = await with_machine(farm)
    answer = await farm.get(build.path("source"), x_api_key="", x_worker_token=machine)
    assert refused(answer) == (401, "Invalid or expired worker token")
    answer = await farm.get(build.path("source"), x_api_key="", x_vm_token=build.token)
    assert refused(answer) == (403, "Invalid or expired VM token")


async def test_a_wrong_key_is_refused_beside_a_good_token(farm: Farm) -> None:
    """Whoever sends a key has to send the right one."""
    build, machine = await with_machine(farm)
    for headers in ({"x_vm_token": machine}, {"x_worker_token": build.token}):
        answer = await farm.get(build.path("source"), x_api_key="wrong", **headers)
        assert refused(answer) == (403, "Invalid API key")


async def test_key_with_ids_goes_before_tokens(farm: Farm) -> None:
    """An expired token beside them does no harm; without the ids the token is judged."""
    build, machine = await with_machine(farm)
    ids = {"x_worker_id": build.worker_id}
    old = build.otp
    path = build.path("source")
    for headers in ({"x_vm_token": old}, {"x_worker_token": old}):
        assert (await farm.get(path, **ids, **headers)).status_code == 200
        assert refused(await farm.get(path, **headers))[0] in {401, 403}
    both = {"x_vm_token": machine, "x_worker_token": old}
    assert (await farm.get(path, **both)).status_code == 200
