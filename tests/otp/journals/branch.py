"""From the nodes of a scenario to child specs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from supervisors.errors import AlreadyStartedError, SpecError
from supervisors.exits import NORMAL, AlreadyStarted, ExitReason
from supervisors.loop import BadFlagsError
from supervisors.process import Process, StartRefusedError
from supervisors.spec import (
    BRUTAL_KILL,
    IGNORE,
    INFINITY,
    AutoShutdown,
    Body,
    Budget,
    ChildKind,
    ChildSpec,
    Flags,
    Ignore,
    Restart,
    Strategy,
)
from supervisors.supervisor import Supervisor
from supervisors.template import TemplateSupervisor
from tests.otp.journals.probe import outcome_of, probe_body
from tests.otp.journals.reasons import ProbeCrash

if TYPE_CHECKING:
    from tests.otp.journals.stage import Stage

Json = Any

RESTARTS = {one.value: one for one in Restart}
STRATEGIES = {one.value: one for one in Strategy}
AUTO = {one.value: one for one in AutoShutdown}
KINDS = {"worker": ChildKind.ACTOR, "supervisor": ChildKind.SUPERVISOR}
STOPS = {"infinity": INFINITY, "brutal_kill": BRUTAL_KILL}


def spec_of(stage: Stage, sup: str, node: Json) -> ChildSpec:
    """Return the child spec of a node below the supervisor at `sup`; wrong ones raise."""
    if "id" in node:
        stage.words.ids[f"{sup}/{node['id']}"] = node["id"]
    fields: dict[str, Any] = {"kind": KINDS["supervisor" if "sup" in node else "worker"]}
    if "id" in node:
        fields["id"] = node["id"]
    if not node.get("no_start"):
        fields["start"] = body_of(stage, node)
    if "restart" in node:
        fields["restart"] = _known(RESTARTS, node["restart"])
    if "shutdown" in node:
        fields["shutdown"] = _stop(node["shutdown"])
    if "type" in node:
        fields["kind"] = _known(KINDS, node["type"])
    if "significant" in node:
        fields["significant"] = node["significant"]
    for compulsory in ("id", "start"):
        if compulsory not in fields:
            raise SpecError(f"missing_{compulsory}", None, "is compulsory")
    return ChildSpec(**fields)


def _known(table: dict[str, Any], word: Json) -> Json:
    return table.get(word, word) if isinstance(word, str) else word


def _stop(word: Json) -> Json:
    if isinstance(word, int | float) and not isinstance(word, bool):
        return word / 1000
    return _known(STOPS, word)


def body_of(stage: Stage, node: Json) -> Body:
    """Return what the process of a node runs."""
    if "sup" not in node:
        script = node.get("probe", {})
        return lambda process: probe_body(stage, script, process)
    if node["sup"].get("strategy") == "simple_one_for_one":
        return lambda process: _dynamic(stage, node, process)
    return lambda process: _static(stage, node, process)


async def _static(stage: Stage, node: Json, process: Process) -> ExitReason:
    def init() -> Flags | Ignore:
        _register(node, process)
        flags = _flags(stage, node, process.path)
        return flags if _enter(stage, node, process) else IGNORE

    return await Supervisor(init).run(process)


async def _dynamic(stage: Stage, node: Json, process: Process) -> ExitReason:
    _register(node, process)
    budget = _budget(node["sup"])
    auto = _known(AUTO, node["sup"].get("auto_shutdown", "never"))
    template = node.get("template", {})
    stage.templates[process.path] = spec_of(stage, process.path, {"id": "child", **template})

    def child(label: str, probe: Json) -> ChildSpec:
        script = {**template.get("probe", {}), **probe}
        return spec_of(stage, process.path, {**template, "id": label, "probe": script})

    if not _enter(stage, node, process):
        process.ignore()
        return NORMAL
    return await TemplateSupervisor(child, budget, auto).run(process)


def _register(node: Json, process: Process) -> None:
    if "name" not in node:
        return
    try:
        process.runtime.names.register(node["name"], process)
    except AlreadyStartedError as taken:
        raise StartRefusedError(AlreadyStarted(taken.holder)) from None


def _flags(stage: Stage, node: Json, path: str) -> Flags:
    sup = node["sup"]
    return Flags(
        children=[spec_of(stage, path, child) for child in node.get("children", [])],
        strategy=_known(STRATEGIES, sup.get("strategy", "one_for_one")),
        budget=_budget(sup),
        auto_shutdown=_known(AUTO, sup.get("auto_shutdown", "never")),
    )


def _budget(sup: Json) -> Budget:
    return Budget(**{key: sup[key] for key in ("intensity", "period") if key in sup})


def _enter(stage: Stage, node: Json, process: Process) -> bool:
    """Give the life of a supervisor its number; False when it is to decline."""
    outcome = outcome_of(node, stage.starts.get(process.path, 0) + 1)
    stage.enter("sup_init", process, outcome)
    stage.watch_end("sup_exit", process)
    match outcome:
        case "ignore":
            return False
        case {"crash": word}:
            raise ProbeCrash(word)
        case "bad_return":
            raise BadFlagsError(outcome)
        case _:
            return True
