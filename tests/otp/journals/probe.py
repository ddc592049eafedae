"""The worker of the scenarios: does what its script and its messages say, and tells the stage."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trio

from actors.kernel.actor import Actor
from actors.kernel.messages import NO_REPLY, Call, Caller, Cast, ExitMessage
from supervisors.exits import Crash, ExitReason
from supervisors.process import Process
from supervisors.spec import IGNORE, Ignore
from tests.otp.journals.reasons import NonsenseError, ProbeCrash, reason_in

if TYPE_CHECKING:
    from tests.otp.journals.stage import Stage

Json = Any


@dataclass(frozen=True, slots=True)
class Ask(Call["Probe", Json]):
    """A request of a scenario."""

    req: Json


@dataclass(frozen=True, slots=True)
class Tell(Cast["Probe"]):
    """A cast of a scenario."""

    req: Json


@dataclass(frozen=True, slots=True)
class Note:
    """A plain message that is noted."""

    note: Json


@dataclass(frozen=True, slots=True)
class Unknown:
    """A plain message without a clause for it."""

    what: Json


@dataclass(frozen=True, slots=True)
class Reply:
    """What a timer sends: answer this caller now."""

    caller: Caller[Json]
    value: Json


class Probe(Actor["Probe"]):
    """A gen_server under remote control, without handle_info."""

    terminate_seconds = math.inf

    def __init__(self, stage: Stage, script: Json, process: Process) -> None:
        super().__init__()
        self.ref.name = process.path
        self.stage = stage
        self.script = script
        self.trap_exits = script.get("traps", True)
        self.registered_name = script.get("name")
        self.value: Json = 0

    # -- start and end --------------------------------------------------------------------------

    async def init(self) -> Ignore | None:
        """Do as the script says for this start."""
        outcome = outcome_of(self.script, self.stage.starts.get(self.process.path, 0) + 1)
        self.stage.enter("init", self.process, outcome)
        self.stage.probes.add(self.process)
        self.stage.watch_end("exit", self.process)
        return await self._become(outcome)

    async def _become(self, outcome: Json) -> Ignore | None:
        match outcome:
            case "ignore":
                return IGNORE
            case {"error": reason}:
                self.stop(reason_in(reason))
            case {"crash": word}:
                raise ProbeCrash(word)
            case {"extra": extra}:
                self.process.extra = extra
            case {"delay": ms}:
                await trio.sleep(ms / 1000)
                self.stage.note("init_end", self.process)
                return await self._become(outcome.get("then", "ok"))
            case _:
                pass
        if self.script.get("continue"):
            self.continue_with("first")
        return None

    async def terminate(self, reason: ExitReason) -> None:
        """Do as the script says."""
        self.stage.note("terminate", self.process, reason=self.stage.reason(reason))
        match self.script.get("terminate", "ok"):
            case {"delay": ms}:
                await trio.sleep(ms / 1000)
            case {"crash": word}:
                raise ProbeCrash(word)
            case "never":
                await trio.sleep_forever()

    # -- messages -------------------------------------------------------------------------------

    def noted(self, note: Json, via: str) -> None:
        """Tell the stage that a message was handled."""
        self.stage.note("handled", self.process, via=via, note=note)

    async def handle_continue(self, step: str) -> None:
        """Note it."""
        self.noted(step, "continue")

    async def handle_call(self, message: Ask, caller: Caller[Json]) -> object:
        """Do as the request says."""
        answer: Json = "ok"
        match message.req:
            case {"reply": value}:
                answer = value
            case {"note": note}:
                self.noted(note, "call")
            case {"set": value}:
                self.value = value
            case "get":
                answer = self.value
            case {"block": ms}:
                await trio.sleep(ms / 1000)
                if "note_after" in message.req:
                    self.noted(message.req["note_after"], "call")
                answer = "late"
            case "bad_return":
                answer = NotImplemented
            case _:
                answer = await self._call_more(message.req, caller)
        return answer

    async def _call_more(self, req: Json, caller: Caller[Json]) -> object:
        match req:
            case {"reply_later": ms}:
                self.send_after(ms / 1000, Reply(caller, "later"))
            case {"reply_by_other": ms}:
                self.process.runtime.home().start_soon(_reply_by_other, caller, ms / 1000)
            case "never":
                pass
            case {"raise": reason}:
                self.fail(reason_in(reason))
            case {"stop": reason}:
                self.stop(reason_in(reason))
            case {"stop_reply": reason}:
                self.stop(reason_in(reason))
                return "bye"
            case _:
                return await self._call_others(req, caller)
        return NO_REPLY

    async def _call_others(self, req: Json, caller: Caller[Json]) -> object:
        own = self.stage.target(self.process.path)
        match req:
            case "call_self":
                return await own.call(Ask("get"))
            case "cast_self":
                own.cast(Tell({"note": "to_self_1"}))
                own.cast(Tell({"note": "to_self_2"}))
                return "ok"
            case "unlink_parent":
                if self.process.parent is not None:
                    self.unlink(self.process.parent)
                return "ok"
            case "ancestors":
                return [one.path for one in self.process.ancestors]
            case {"call": call}:
                target = self.stage.target(call["to"])
                return await target.call(Ask(call["req"]), timeout=seconds(call.get("timeout")))
            case _:
                return await super().handle_call(req, caller)

    async def handle_cast(self, message: Tell) -> None:
        """Do as the request says."""
        match message.req:
            case {"note": note}:
                self.noted(note, "cast")
            case {"block": ms}:
                await trio.sleep(ms / 1000)
                if "note_after" in message.req:
                    self.noted(message.req["note_after"], "cast")
            case {"raise": reason}:
                self.fail(reason_in(reason))
            case {"stop": reason}:
                self.stop(reason_in(reason))
            case {"set": value}:
                self.value = value
            case _:
                await super().handle_cast(message)

    def fail(self, reason: ExitReason) -> None:
        """Raise; a reason that is no crash is a stop."""
        if isinstance(reason, Crash):
            raise reason.exception
        self.stop(reason)


class InfoProbe(Probe):
    """A probe with handle_info."""

    async def handle_info(self, message: object) -> None:
        """Note what came."""
        match message:
            case Note(note=note):
                self.noted(note, "info")
            case Reply(caller=caller, value=value):
                caller.reply(value)
            case ExitMessage(sender=sender, reason=reason):
                who = sender.path if sender else None
                self.stage.note(
                    "exit_msg", self.process, **{"from": who}, reason=self.stage.reason(reason)
                )
            case _:
                await super().handle_info(message)


async def _reply_by_other(caller: Caller[Json], delay: float) -> None:
    await trio.sleep(delay)
    caller.reply("by_other")


def outcome_of(script: Json, number: int) -> Json:
    """Return the outcome of start `number`; the last one repeats."""
    outcomes = script.get("init", ["ok"])
    return outcomes[min(number, len(outcomes)) - 1]


def seconds(timeout: Json) -> float:
    """Return the limit of a call."""
    match timeout:
        case None | "default":
            return 5.0
        case "infinity":
            return math.inf
        case ms:
            return ms / 1000


async def probe_body(stage: Stage, script: Json, process: Process) -> ExitReason:
    """Be the body of a probe; the start function itself may misbehave."""
    outcome = outcome_of(script, stage.starts.get(process.path, 0) + 1)
    if outcome == "start_nonsense" or (isinstance(outcome, dict) and "start_raise" in outcome):
        stage.enter("init", process, outcome)
        stage.lives[process.path].remove(process)
        if outcome == "start_nonsense":
            raise NonsenseError
        reason = reason_in(outcome["start_raise"])
        raise reason.exception if isinstance(reason, Crash) else ProbeCrash(str(reason))
    kind = InfoProbe if script.get("info_handler", True) else Probe
    return await kind(stage, script, process).run(process)
