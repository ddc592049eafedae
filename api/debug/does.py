"""Routes that act: kill, restart, suspend, resume, trace; each tells everybody that it did."""

from __future__ import annotations

import math

from actors.kernel import sys
from api.debug import acts
from api.debug.acts import Act
from api.debug.looks import EVENTS
from api.debug.picture import ROOT
from api.debug.tracing import LONGEST, SECONDS, Tracer
from api.departure import until_departure
from api.errors import Refusal
from api.exchange import LiveReply, Outcome, Reply, Request, json_reply


async def kill(request: Request) -> Outcome:
    """Kill the process at a path, as a crash would; its supervisor does the rest."""
    act = acts.begun(request, "kill")
    reply = json_reply({"killed": _path(act), "generation": act.process.generation})
    if act.is_suicide:
        return Reply(reply.body, after=act.process.kill)
    act.process.kill()
    return reply


async def restart(request: Request) -> Outcome:
    """Stop a child in order and start it again."""
    act = acts.begun(request, "restart")
    life = await acts.restart(act)
    if act.is_suicide:
        request.services.window.close()  # or the streams would hold the endpoint up
    generation = life.generation if life is not None else act.process.generation + 1
    return json_reply({"restarted": _path(act), "generation": generation})


async def suspend(request: Request) -> Outcome:
    """Have an actor or supervisor serve nothing but system messages and its parent."""
    act = acts.begun(request, "suspend")
    await acts.system(act.process, lambda: sys.suspend(act.process, timeout=acts.ASK_SECONDS))
    return json_reply({"suspended": _path(act), "generation": act.process.generation})


async def resume(request: Request) -> Outcome:
    """Have it go on, with what has gathered, in order."""
    act = acts.begun(request, "resume")
    await acts.system(act.process, lambda: sys.resume(act.process, timeout=acts.ASK_SECONDS))
    return json_reply({"resumed": _path(act), "generation": act.process.generation})


async def trace(request: Request) -> Outcome:
    """Stream what goes through an actor, for some seconds."""
    seconds = request.fields().get("seconds", SECONDS)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise Refusal(400, "seconds must be a number")
    if not math.isfinite(seconds) or not 0 < seconds <= LONGEST:
        raise Refusal(400, f"seconds must be above 0, and {LONGEST:g} at most")
    act = acts.begun(request, "trace")
    tracer = Tracer(act.process, request.services.window)
    await acts.system(act.process, tracer.begin)
    length = float(seconds)
    return LiveReply(lambda write: until_departure(request, tracer.run(length, write)), EVENTS)


def _path(act: Act) -> str:
    return act.process.path or ROOT
