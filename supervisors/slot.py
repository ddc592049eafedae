"""One place in a supervisor: the spec, the process now in it, and what happened to it before."""

from __future__ import annotations

from dataclasses import dataclass

from supervisors.backoff import Patience
from supervisors.events import Offender
from supervisors.exits import ExitReason
from supervisors.process import Process
from supervisors.spec import ChildSpec, Stop

HISTORY = 8


@dataclass(frozen=True, slots=True)
class Restarted:
    """Why a child was started again: `at` is on the trio clock."""

    at: float
    why: str


@dataclass(slots=True, eq=False)
class Slot:
    """Mutable record of one child; only its supervisor writes it."""

    spec: ChildSpec
    process: Process | None = None
    known: Process | None = None
    """The latest process that did start: what callers hold while the child is restarting."""
    restarting: bool = False
    cause: str = ""
    """Why the next start is due, while `restarting`."""
    pending: object = None
    """The retry that counts: one that waited and was overtaken does not."""
    patience: Patience | None = None
    zombie: Process | None = None
    """A former life that did not end by a kill, as far as known."""
    generation: int = 0
    restarts: int = 0
    last_exit: ExitReason | None = None
    history: tuple[Restarted, ...] = ()
    """The latest restarts, oldest first."""

    def note(self, restarted: Restarted) -> None:
        """Count a restart and keep why."""
        self.restarts += 1
        self.history = (*self.history, restarted)[-HISTORY:]

    @property
    def alive(self) -> Process | None:
        """The process, if there is one and it lives."""
        return self.process if self.process is not None and self.process.is_alive else None

    def offender(self) -> Offender:
        """Describe the child for a report."""
        spec, known = self.spec, self.process or self.known
        limit = spec.stop_limit
        return Offender(
            id=spec.name,
            call=known.initial_call if known else "",
            restart=spec.restart,
            significant=spec.significant,
            shutdown=limit.value if isinstance(limit, Stop) else limit,
            kind=spec.kind.value,
        )

    @property
    def state(self) -> str:
        """`running`, `starting`, `restarting` or `idle`; `dead` when its end was not heard yet."""
        if self.restarting:
            return "restarting"
        if self.alive is None:
            return "idle" if self.process is None else "dead"
        return "running" if self.alive.started_at is not None else "starting"
