"""What a guard and a body mean for a description: credentials, headers, refusals."""

from __future__ import annotations

from api.guards import Guard, Token
from api.openapi.words import Taken
from api.routing import Body, Route

SCHEMES = {
    "ApiKey": ("X-API-Key", "The key of the controller."),
    "BuildToken": ("X-Build-Token", "The `access_token` of a submission: opens its build."),
    "WorkerToken": ("X-Worker-Token", "The `access_token` of a registration or of the last poll."),
    "VmToken": ("X-VM-Token", "The `vm_token` that a virtual machine got for its password."),
}
Alternatives = tuple[dict[str, list[str]], ...]
_KEY: Alternatives = ({"ApiKey": []},)
_GUARDS: dict[Guard, tuple[Alternatives, tuple[int, ...]]] = {
    Guard.PUBLIC: ((), ()),
    Guard.BUILD_ID: ((), ()),
    Guard.OTP: ((), ()),
    Guard.API_KEY: (_KEY, (401, 403)),
    Guard.POLL: (_KEY, (401, 403)),
    Guard.BUILD: ((*_KEY, {"BuildToken": []}), (401, 403)),
    Guard.WORKER: (_KEY, (401, 403, 404)),
    Guard.WORKER_OF_BUILD: (_KEY, (401, 403, 404)),
    Guard.TELEMETRY: ((*_KEY, {}), (401, 403, 404)),
    Guard.WORKER_TOKEN: (({"WorkerToken": []},), (401,)),
    Guard.VM: (({"VmToken": []},), (401, 403, 404)),
    Guard.VM_RESULT: (({"VmToken": []},), (401, 403, 404)),
}
_TOKENS: dict[Token, Alternatives] = {
    Token.VM: ({"VmToken": []},),
    Token.WORKER: ({"WorkerToken": []},),
}
_BODIES = {
    Body.NONE: (),
    Body.JSON: (400, 408, 413, 415),
    Body.STREAM: (400, 408, 413, 429, 507),
}
_ALWAYS = (500, 503)
_ASKER = Taken("X-Worker-Id", "The worker that asks; a token says it, too.", "header")
_ASKED = Taken("X-Build-Id", "The id of the path once more; a token says it, too.", "header")
_IDS = {
    Guard.WORKER: (_ASKER,),
    Guard.WORKER_OF_BUILD: (_ASKER, _ASKED),
    Guard.TELEMETRY: (_ASKER, _ASKED),
}


def security(route: Route) -> list[dict[str, list[str]]]:
    """Return the credentials of which one opens the route; none for a public one."""
    own, _ = _GUARDS[route.guard]
    return [*own, *(one for token in route.also for one in _TOKENS[token])]


def headers(route: Route) -> tuple[Taken, ...]:
    """Return the ids that the guard looks at."""
    return _IDS.get(route.guard, ())


def refusals(route: Route) -> dict[int, list[object]]:
    """Return every status but 200 that the route answers, and shapes where it is no `Failure`."""
    _, by_guard = _GUARDS[route.guard]
    by_token = (401, 403, 404) if route.also else ()
    found: dict[int, list[object]] = {}
    by_file = (416,) if route.gives_file else ()
    for one in (*by_guard, *by_token, *by_file, *_BODIES[route.body], *route.refuses, *_ALWAYS):
        status, shapes = (one, []) if isinstance(one, int) else (one[0], [one[1]])
        found.setdefault(status, []).extend(shapes)
    return dict(sorted(found.items()))
