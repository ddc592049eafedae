"""What an operator may do to a process; each act is an event with who, what and why."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import ip_address

import trio

from actors.domain.events import DebugActed
from actors.kernel import sys
from api.debug.picture import ROOT
from api.errors import Refusal
from api.exchange import Request
from supervisors.errors import NoProcError, SupervisorError
from supervisors.process import CURRENT, Process
from supervisors.snapshot import find
from supervisors.supervisor import Supervisor

ASK_SECONDS = 2.0
LETTERS = 200
NO_PATH = 'path required, such as "orchestration/queue_manager"'
OFF = "Debug actions are off (DEBUG_ACTIONS)"
NOT_LOCAL = "Debug actions are taken from this machine only (DEBUG_ACTIONS=on allows all)"

After = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Act:
    """One act on one process, by somebody, for a reason."""

    what: str
    process: Process
    who: str
    why: str

    @property
    def is_suicide(self) -> bool:
        """Whether the act ends whoever answers the request, so that the answer comes first."""
        own = CURRENT.get()
        return own is not None and (self.process is own or self.process in own.ancestors)


def living_root(request: Request) -> Process:
    """Return the root of the tree, or refuse while there is none."""
    root = request.services.root()
    if root is None:
        raise Refusal(503, "The tree is still starting")
    return root


def living(request: Request, path: object) -> Process:
    """Return the process at a path, or refuse."""
    if not isinstance(path, str) or not path:
        raise Refusal(400, NO_PATH)
    process = find(living_root(request), "" if path == ROOT else path)
    if process is None:
        raise Refusal(404, f"No process at {path}")
    return process


def begun(request: Request, what: str) -> Act:
    """Check who asks, find the process, tell everybody; the act itself is still to be done."""
    check_allowed(request)
    fields = request.fields()
    process = living(request, fields.get("path"))
    act = Act(what, process, _who(request), _words(fields.get("why")) or "no reason given")
    path = process.path or ROOT
    request.services.emit(DebugActed(what, path, process.generation, act.who, act.why))
    return act


def check_allowed(request: Request) -> None:
    """Refuse where acts are off, or off for whoever comes from outside."""
    actions = request.services.window.actions
    if actions == "off":
        raise Refusal(403, OFF)
    if actions != "on" and not is_local(request):
        raise Refusal(403, NOT_LOCAL)


def is_local(request: Request) -> bool:
    """Whether a request comes from this machine, and not through a proxy on it."""
    if "x-forwarded-for" in request.headers or "forwarded" in request.headers:
        return False
    try:
        address = ip_address(request.client)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


async def system(process: Process, ask: Callable[[], Awaitable[object]]) -> object:
    """Send a system message; refuse when the process takes none, or does not answer in time."""
    path = process.path or ROOT
    if process.system is None:
        raise Refusal(409, f"{path} takes no system messages: it is no actor and no supervisor")
    try:
        return await ask()
    except NoProcError:
        raise Refusal(404, f"No process at {path}") from None
    except sys.SystemTimeoutError:
        raise Refusal(
            503, f"{path} does not answer: it is busy with one message, or stuck; look at its stack"
        ) from None


async def restart(act: Act) -> Process | None:
    """Stop a child by its shutdown rule and start it again; returns the new life.

    Goes on when whoever asked is gone. When that is because it hit the endpoint, does not wait.
    """
    process, parent = act.process, act.process.parent
    keeper = parent.handle if parent is not None else None
    if not isinstance(keeper, Supervisor):
        raise Refusal(409, "Only children of a static supervisor are restarted; this one is killed")
    child_id = next(slot.spec.id for slot in keeper.slots() if slot.process is process)
    job = _Job(keeper, child_id)
    process.runtime.home().start_soon(job.run, name=f"restart of {process.path}")
    if act.is_suicide:
        return None
    await job.done.wait()
    if job.error is not None:
        raise Refusal(409, f"The restart failed: {job.error}")
    return job.life


class _Job:
    """A restart under way."""

    def __init__(self, keeper: Supervisor, child_id: object) -> None:
        self.done = trio.Event()
        self.life: Process | None = None
        self.error: SupervisorError | None = None
        self._keeper = keeper
        self._child_id = child_id

    async def run(self) -> None:
        try:
            await self._keeper.terminate_child(self._child_id)
            self.life = await self._keeper.restart_child(self._child_id)
        except SupervisorError as error:
            self.error = error
        finally:
            self.done.set()


def _who(request: Request) -> str:
    return _words(request.headers.get("x-operator")) or "api key"


def _words(value: object) -> str:
    """Return a text for one line of a log."""
    text = value if isinstance(value, str) else ""
    return "".join(letter for letter in text if letter.isprintable())[:LETTERS].strip()
