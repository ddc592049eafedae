"""What plain processes do for a scenario, one function a kind of step."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Any

from actors.kernel.errors import CallExitError, CallTimeoutError, NoProcError
from actors.kernel.plain import Plain
from actors.kernel.start import start, start_link, start_monitor
from supervisors import system
from supervisors.child import bring_up
from supervisors.dynamic import DynamicSupervisor
from supervisors.errors import (
    AlreadyNamedError,
    AlreadyStartedError,
    NotFoundError,
    SpecError,
    StartError,
    SupervisorError,
)
from supervisors.exits import TIMEOUT
from supervisors.loop import SupervisorLoop
from supervisors.process import CURRENT, Process
from supervisors.spec import AutoShutdown, ChildSpec, Stop, check_child_specs
from supervisors.supervisor import Supervisor
from supervisors.system import StopFailedError
from supervisors.template import TemplateSupervisor
from tests.otp.journals.branch import body_of, spec_of
from tests.otp.journals.plain import Actor
from tests.otp.journals.probe import Ask, InfoProbe, Note, Probe, Tell, Unknown, seconds
from tests.otp.journals.reasons import reason_in
from tests.otp.journals.stage import TYPES, Stage, counts, rows

Json = Any
CALL_ERRORS = (CallExitError, CallTimeoutError, NoProcError)


async def perform(by: Actor, step: Json) -> Json:
    """Carry out one step as the process `by`; return its result."""
    match step["do"]:
        case "start":
            return await _start(by, step)
        case "start_many":
            return await _start_many(by, step)
        case "signal":
            process = by.stage.find(step["to"])
            if process is not None:
                process.signal(reason_in(step["reason"]), by.process)
            return "ok"
        case kind if kind in AS_ANYBODY:
            return await AS_ANYBODY[kind](by.stage, step)
        case _:
            return await bond(by, step)


async def start_tree(stage: Stage, parent: Plain, node: Json) -> Json:
    """Start the root of the tree as a child of `parent`."""
    path = str(node["id"])
    process = Process(path, stage.runtime, parent=parent.process)
    parent.process.link(process)
    reason = await bring_up(process, body_of(stage, node))
    if reason is None:
        return {"ok": stage.who(process)}
    return "ignore" if process.ignored else {"error": stage.reason(reason)}


# -- messages ---------------------------------------------------------------------------------


async def _call(stage: Stage, step: Json) -> Json:
    target = stage.target(step["to"])
    try:
        reply = await target.call(Ask(step["req"]), timeout=seconds(step.get("timeout")))
    except CALL_ERRORS as error:
        if step.get("catch") is False:
            raise
        return {"exit": stage.reason(error.reason)}
    return {"reply": reply}


async def _cast(stage: Stage, step: Json) -> str:
    stage.target(step["to"]).cast(Tell(step["req"]))
    return "ok"


async def _send(stage: Stage, step: Json) -> str:
    process = stage.find(step["to"])
    loop = process.handle if process is not None else None
    messages: list[object] = [Note(note) for note in step.get("notes", [])]
    if "note" in step:
        messages.append(Note(step["note"]))
    if "unknown" in step:
        messages.append(Unknown(step["unknown"]))
    for message in messages:
        if isinstance(loop, SupervisorLoop):
            loop.send(message)
        else:
            stage.target(step["to"]).info(message)
    return "ok"


async def _stop(stage: Stage, step: Json) -> Json:
    reason = reason_in(step.get("reason", "normal"))
    limit = seconds(step.get("timeout", "infinity"))
    try:
        await system.stop(stage.find(step["to"]), reason, timeout=limit)
    except NoProcError:
        return {"exit": "noproc"}
    except StopFailedError as error:
        return {"exit": stage.reason(error.reason or TIMEOUT)}
    return "ok"


# -- starts outside the tree ------------------------------------------------------------------


async def _start(by: Actor, step: Json) -> Json:
    stage, path, script = by.stage, step["id"], step.get("probe", {})
    limit = step["timeout"] / 1000 if "timeout" in step else math.inf

    def factory() -> Probe:
        kind = InfoProbe if script.get("info_handler", True) else Probe
        own = CURRENT.get()
        assert own is not None
        return kind(stage, script, own)

    try:
        match step.get("mode", "nolink"):
            case "link":
                handle = await start_link(by.process, path, factory, timeout=limit)
            case "monitor":
                handle = await _start_monitor(by, step, factory, limit)
            case _:
                handle = await start(stage.runtime, path, factory, timeout=limit)
    except StartError as error:
        return {"error": stage.reason(error.reason)}
    return "ignore" if handle is None else {"ok": stage.who(handle.process)}


async def _start_monitor(by: Actor, step: Json, factory: Any, limit: float) -> Any:
    started = await start_monitor(by.plain, step["id"], factory, timeout=limit)
    if started is None:
        return None
    handle, monitor = started
    by.refs[monitor] = (step.get("ref", step["id"]), step["id"], None)
    return handle


async def _start_many(by: Actor, step: Json) -> Json:
    results: list[Json] = []
    for _ in range(step["times"]):
        result = await _start(by, step)
        if result not in results:
            results.append(result)
    return results


# -- links, monitors, names -------------------------------------------------------------------


async def bond(by: Actor, step: Json) -> Json:
    """Links, monitors, names and the trap flag of the process itself."""
    stage, plain = by.stage, by.plain
    match step["do"]:
        case "link":
            return _link(by, step)
        case "unlink":
            plain.unlink(stage.target(step["to"]))
        case "trap":
            plain.trap_exit_signals(step["on"])
        case "monitor":
            process = None if step["to"].startswith("name:") else stage.find(step["to"])
            monitor = plain.monitor(process or stage.target(step["to"]))
            by.monitors[step["ref"]] = monitor
            by.refs[monitor] = (step["ref"], step["to"], step.get("then"))
        case "demonitor":
            await _demonitor(by, step)
        case _:
            return _name(by, step)
    return "ok"


def _link(by: Actor, step: Json) -> Json:
    process = by.stage.find(step["to"])
    try:
        by.plain.link(process or by.stage.target(step["to"]))
    except NoProcError:
        return {"error": {"crash": "noproc"}}
    return "ok"


async def _demonitor(by: Actor, step: Json) -> None:
    after = step.get("after_exit")
    monitor = by.monitors[step["ref"]]
    if after is not None:
        process = by.stage.find(after["to"])
        assert process is not None
        process.signal(reason_in(after["reason"]), by.process)
        await process.join()
    by.plain.demonitor(monitor, flush=step.get("flush", False))


def _name(by: Actor, step: Json) -> Json:
    names = by.stage.runtime.names
    name = step["name"]
    match step["do"]:
        case "whereis":
            return by.stage.who(names.whereis(name))
        case "register":
            try:
                by.plain.register(name)
            except (AlreadyStartedError, AlreadyNamedError):
                return {"error": by.stage.who(names.whereis(name))}
        case "unregister":
            try:
                by.plain.unregister(name)
            except NotFoundError:
                return {"error": "not_registered"}
    return "ok"


# -- supervisors ------------------------------------------------------------------------------


async def _check_specs(stage: Stage, step: Json) -> Json:
    auto = AutoShutdown(step["auto_shutdown"]) if "auto_shutdown" in step else None
    try:
        check_child_specs([spec_of(stage, "checked", node) for node in step["specs"]], auto)
    except SpecError as error:
        return {"error": stage.words.spec_error(error)}
    return "ok"


async def _api(stage: Stage, step: Json) -> Json:
    process = stage.find(step["sup"])
    loop = process.handle if process is not None and process.is_alive else None
    if process is None or not isinstance(loop, SupervisorLoop):
        return {"exit": "noproc"}
    try:
        return await _request(stage, process, loop, step)
    except SupervisorError as error:
        return stage.words.refusal(error)


async def _request(stage: Stage, process: Process, loop: SupervisorLoop, step: Json) -> Json:
    dynamic = isinstance(loop, DynamicSupervisor)
    match step["op"]:
        case "which_children":
            return rows(await loop.which_children(), dynamic=dynamic)
        case "count_children":
            return counts(await loop.count_children(), dynamic=dynamic)
        case "suspend":
            await system.suspend(process)
        case "resume":
            await system.resume(process)
        case _ if isinstance(loop, TemplateSupervisor):
            return await _dynamic(stage, loop, step)
        case _:
            return await _static(stage, loop, step)
    return "ok"


async def _static(stage: Stage, loop: SupervisorLoop, step: Json) -> Json:
    assert isinstance(loop, Supervisor)
    which = stage.find(step["by_handle"]) if "by_handle" in step else step.get("id")
    match step["op"]:
        case "start_child":
            child = step["child"]
            started = await loop.start_child(lambda: spec_of(stage, step["sup"], child))
            return _started(stage, started)
        case "restart_child":
            return _started(stage, await loop.restart_child(which))
        case "terminate_child":
            await loop.terminate_child(which)
        case "delete_child":
            await loop.delete_child(which)
        case "get_childspec":
            return {"ok": _spec(await loop.get_child_spec(which))}
    return "ok"


async def _dynamic(stage: Stage, loop: TemplateSupervisor, step: Json) -> Json:
    match step["op"]:
        case "start_child":
            child = await loop.start_from_template(step["label"], step.get("probe", {}))
            return _started(stage, child)
        case "get_childspec":
            process = stage.find(step["by_handle"]) if "by_handle" in step else None
            if process is None or process not in loop:
                raise NotFoundError(str(step))
            return {"ok": {**_spec(stage.templates[step["sup"]]), "id": "child"}}
        case "terminate_child" if "by_handle" in step:
            process = stage.find(step["by_handle"])
            assert process is not None
            await loop.terminate_child(process)
            return "ok"
        case _:  # OTP refuses by id when it is the request's turn; here there is no such method
            await loop.count_children()
            return {"error": "simple_one_for_one"}


def _started(stage: Stage, process: Process | None) -> Json:
    result: dict[str, Json] = {"ok": stage.who(process)}
    if process is not None and process.extra is not None:
        result["extra"] = process.extra
    return result


def _spec(spec: ChildSpec) -> Json:
    limit = spec.stop_limit
    shutdown: Json = limit.value if isinstance(limit, Stop) else "infinity"
    if not isinstance(limit, Stop) and limit != math.inf:
        shutdown = round(limit * 1000)
    return {
        "id": spec.id,
        "restart": spec.restart.value,
        "shutdown": shutdown,
        "significant": spec.significant,
        "type": TYPES[spec.kind],
    }


AS_ANYBODY: dict[str, Callable[[Stage, Json], Awaitable[Json]]] = {
    "api": _api,
    "call": _call,
    "cast": _cast,
    "send": _send,
    "stop": _stop,
    "check_specs": _check_specs,
}
"""Steps that are the same whoever does them."""
