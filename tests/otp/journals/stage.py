"""The place of one scenario: who lives or lived at which path, and what has happened."""

from __future__ import annotations

from typing import Any

from actors.kernel.handle import Handle, Named
from actors.kernel.target import Target
from supervisors.census import ChildInfo, Count, which
from supervisors.dynamic import DynamicSupervisor
from supervisors.events import (
    ChildrenShutdownFailed,
    ChildShutdownFailed,
    ChildStarted,
    ChildStartFailed,
    ChildTerminated,
    ProcessCrashed,
    RestartBudgetSpent,
    UnexpectedMessage,
)
from supervisors.exits import KILLED, ExitReason
from supervisors.loop import SupervisorLoop
from supervisors.process import Process
from supervisors.runtime import Runtime
from supervisors.spec import ChildKind, ChildSpec
from tests.otp.journals.reasons import Words

TYPES = {ChildKind.ACTOR: "worker", ChildKind.SUPERVISOR: "supervisor"}
STATES = {"idle": "undefined", "dead": "dead_unnoticed"}


class Stage:
    """Gathers what the processes of one scenario do; the player takes it after each step."""

    def __init__(self, *, progress: bool) -> None:
        self.runtime: Runtime
        self.words = Words()
        self.events: list[dict[str, Any]] = []
        self.reports: list[dict[str, Any]] = []
        self.crashes: list[dict[str, Any]] = []
        self.starts: dict[str, int] = {}
        self.lives: dict[str, list[Process]] = {}
        self.numbers: dict[Process, int] = {}
        self.plain: dict[str, Process] = {}
        self.probes: set[Process] = set()
        self.templates: dict[str, ChildSpec] = {}
        self._progress = progress

    # -- what processes tell --------------------------------------------------------------------

    def note(self, event: str, process: Process, **more: object) -> None:
        """Write an event of a process that has a number."""
        number = self.numbers[process]
        self.events.append({"ev": event, "path": process.path, "n": number, **more})

    def enter(self, event: str, process: Process, outcome: object) -> int:
        """Give a life its number at the entry of its init."""
        path = process.path
        number = self.starts[path] = self.starts.get(path, 0) + 1
        self.number(process, number)
        self.note(event, process, outcome=outcome)
        return number

    def number(self, process: Process, number: int) -> None:
        """Make a life known under its path."""
        self.numbers[process] = number
        self.lives.setdefault(process.path, []).append(process)

    def watch_end(self, event: str, process: Process) -> None:
        """Write the end of a life, unless it ended in its own init."""
        process.watch(object(), lambda ended: self._end(event, ended))

    def _end(self, event: str, process: Process) -> None:
        if process.started_at is not None or (process.exit == KILLED and event == "exit"):
            self.note(event, process, reason=self.reason(process.exit))

    def reason(self, reason: ExitReason | None) -> object:
        """Return the word of a reason."""
        assert reason is not None
        return self.words.reason(reason)

    # -- what the runtime reports ---------------------------------------------------------------

    def report(self, event: object) -> None:
        """Take an event of the runtime."""
        match event:
            case ChildTerminated(path=path, reason=reason):
                self._about(path, "child_terminated", reason)
            case ChildStartFailed(path=path, reason=reason):
                self._about(path, "start_error", reason)
            case ChildShutdownFailed(path=path, reason=reason):
                self._about(path, "shutdown_error", reason)
            case ChildrenShutdownFailed(path=path, reason=reason, children=children):
                self._together(path, reason, children)
            case RestartBudgetSpent(offender=path):
                self._about(path, "shutdown", "reached_max_restart_intensity")
            case UnexpectedMessage(path=path):
                actor = self.lives[path][-1] in self.probes
                context = "no_handle_info" if actor else "unexpected_message"
                self.reports.append({"context": context, "sup": path})
            case ChildStarted(path=path) if self._progress and not self._is_dynamic(path):
                sup = path.rsplit("/", 1)[0]
                self.reports.append(
                    {"context": "progress", "id": self.words.id_of(path), "sup": sup}
                )
            case ProcessCrashed(path=path, reason=reason, generation=_):
                self._crashed(path, reason)
            case _:
                pass

    def _about(self, path: str, context: str, reason: ExitReason | str) -> None:
        word = reason if isinstance(reason, str) else self.reason(reason)
        sup, child_id = path.rsplit("/", 1)[0], self.words.id_of(path)
        self.reports.append({"context": context, "id": child_id, "reason": word, "sup": sup})

    def _together(self, path: str, reason: ExitReason, children: int) -> None:
        """Count children with the same word for their reason together, as OTP does."""
        about = {"context": "shutdown_error", "reason": self.reason(reason), "sup": path}
        for report in self.reports:
            if about.items() <= report.items() and "children" in report:
                report["children"] += children
                return
        self.reports.append({**about, "children": children})

    def _crashed(self, path: str, reason: ExitReason) -> None:
        ending = [one for one in self.lives.get(path, []) if one.exit is reason]
        if path not in self.plain and ending:
            number = self.numbers[ending[-1]]
            self.crashes.append({"n": number, "path": path, "reason": self.reason(reason)})

    def _is_dynamic(self, path: str) -> bool:
        sup = self.lives.get(path.rsplit("/", 1)[0])
        return sup is not None and isinstance(sup[-1].handle, DynamicSupervisor)

    # -- addresses ------------------------------------------------------------------------------

    def find(self, address: str) -> Process | None:
        """Return the process of an address, alive or dead."""
        if address.startswith("name:"):
            return self.runtime.names.whereis(address[5:])
        path, _, number = address.partition("#")
        if path in self.plain:
            return self.plain[path]
        lives = self.lives.get(path, [])
        if number:
            return next((one for one in lives if self.numbers[one] == int(number)), None)
        return lives[-1] if lives else None

    def target(self, address: str) -> Target[Any]:
        """Return the address as something that takes messages."""
        process = None if address.startswith("name:") else self.find(address)
        if process is None:
            return Named(self.runtime, address[5:])
        return Handle(process)

    def who(self, process: Process | None) -> dict[str, object] | None:
        """Return path and number of a process."""
        if process is None:
            return None
        return {"path": process.path, "n": self.numbers.get(process, 1)}

    # -- pictures -------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, object]:
        """Return who is there now."""
        supervisors: dict[str, object] = {}
        alive: list[str] = []
        for process in self.runtime.processes:
            loop = process.handle
            if isinstance(loop, SupervisorLoop):
                supervisors[process.path] = {
                    "n": self.numbers[process],
                    "children": self.children(loop),
                    "count": self.count(loop),
                }
            elif process.path != "parent" and process.started_at is not None:
                alive.append(process.path)
        return {"sups": supervisors, "alive": sorted(alive), "starts": dict(self.starts)}

    def children(self, loop: SupervisorLoop) -> list[list[object]]:
        """List the children of a supervisor as they are now."""
        return rows(which(loop.slots()), dynamic=isinstance(loop, DynamicSupervisor))

    def count(self, loop: SupervisorLoop) -> dict[str, int]:
        """Count the children of a supervisor as they are now."""
        return counts(loop.census(), dynamic=isinstance(loop, DynamicSupervisor))


def rows(children: list[ChildInfo], *, dynamic: bool) -> list[list[object]]:
    """List children as OTP does: newest first; those of a dynamic supervisor by label."""
    listed = [_row(child, dynamic=dynamic) for child in children]
    return sorted(listed, key=lambda row: str(row[0])) if dynamic else listed[::-1]


def _row(child: ChildInfo, *, dynamic: bool) -> list[object]:
    child_id = None if dynamic and child.process is None else child.id
    return [child_id, STATES.get(child.state, child.state), TYPES[child.kind]]


def counts(counted: Count, *, dynamic: bool) -> dict[str, int]:
    """Count children as OTP does: a dynamic supervisor has one spec."""
    return {
        "active": counted.active,
        "specs": 1 if dynamic else counted.specs,
        "supervisors": counted.supervisors,
        "workers": counted.workers,
    }
